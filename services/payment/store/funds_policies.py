"""How much accounts may spend, with what is counted for it: spend, and thresholds reached."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from chassis.database.direct import Direct
from chassis.database.insert import upsert
from services.payment.domain.funds.funds import Policy, Spend
from services.payment.store.funds_schema import funds_policy_table

_columns = funds_policy_table.c


class KeptPolicy(NamedTuple):
    """The policy of an account and how it stands."""

    policy: Policy
    thresholds: tuple[int, ...] = ()
    low: tuple[int, ...] = ()
    spend: Spend = Spend()
    top_up_below_micros: int | None = None
    """When postings have the account's top-up policy looked at; None: never."""

    def calls_for_top_up(self, left_micros: int | None) -> bool:
        """Whether so little is left to spend that the account may top itself up."""
        below = self.top_up_below_micros
        return below is not None and left_micros is not None and left_micros <= below


NO_POLICY = KeptPolicy(Policy())

# What `kept_policy` takes.
POLICY_COLUMNS = (
    *(_columns.credit_limit_micros, _columns.daily_cap_micros, _columns.monthly_cap_micros),
    *(_columns.thresholds, _columns.low_thresholds, _columns.top_up_below_micros),
    *(_columns.spend_day, _columns.spend_day_micros),
    *(_columns.spend_month, _columns.spend_month_micros),
)

_FIND = Direct(
    select(_columns.account_id, *POLICY_COLUMNS).where(
        _columns.tenant_id == bindparam("tenant_id"),
        _columns.account_id.in_(bindparam("account_ids", expanding=True)),
    )
)
_COUNT = Direct(
    update(funds_policy_table)
    .where(
        _columns.tenant_id == bindparam("of_tenant"),
        _columns.account_id == bindparam("of_account"),
    )
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                *("low_thresholds", "spend_day", "spend_day_micros"),
                *("spend_month", "spend_month_micros"),
            )
        }
    )
)


def policies_of(
    connection: Connection, tenant_id: str, account_ids: Iterable[str]
) -> dict[str, KeptPolicy]:
    """The policies of accounts, as far as something was laid down."""
    keys = {"tenant_id": tenant_id, "account_ids": list(account_ids)}
    return {row[0]: kept_policy(*row[1:]) for row in _FIND.rows(connection, keys)}


def save_policy(connection: Connection, tenant_id: str, account_id: str, kept: KeptPolicy) -> None:
    """Lay down a policy, in the turn of the account's partition."""
    values = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "credit_limit_micros": kept.policy.credit_limit_micros,
        "daily_cap_micros": kept.policy.daily_cap_micros,
        "monthly_cap_micros": kept.policy.monthly_cap_micros,
        "thresholds": json.dumps(kept.thresholds),
        "top_up_below_micros": kept.top_up_below_micros,
        **_standing(kept),
    }
    upsert(connection, funds_policy_table, values)


def save_standing(
    connection: Connection, tenant_id: str, changed: Mapping[str, KeptPolicy]
) -> None:
    """Store what was spent and which thresholds are reached, in the turn of the partition."""
    rows = [
        {"of_tenant": tenant_id, "of_account": account_id}
        | {f"new_{name}": value for name, value in _standing(kept).items()}
        for account_id, kept in changed.items()
    ]
    _COUNT.run_many(connection, rows)


def _standing(kept: KeptPolicy) -> dict[str, Any]:
    spend = kept.spend
    return {
        "low_thresholds": json.dumps(kept.low),
        "spend_day": spend.day,
        "spend_day_micros": spend.day_micros,
        "spend_month": spend.month,
        "spend_month_micros": spend.month_micros,
    }


def kept_policy(
    credit_limit: int | None,
    daily_cap: int | None,
    monthly_cap: int | None,
    thresholds: str | None,
    low_thresholds: str,
    top_up_below: int | None,
    *spend: int,
) -> KeptPolicy:
    """A policy from its row, or from the nulls of an outer join."""
    if thresholds is None:
        return NO_POLICY
    return KeptPolicy(
        Policy(credit_limit, daily_cap, monthly_cap),
        tuple(json.loads(thresholds)),
        tuple(json.loads(low_thresholds)),
        Spend(*spend),
        top_up_below,
    )
