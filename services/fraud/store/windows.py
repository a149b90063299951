"""Queries on the steps of sliding windows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    select,
    tuple_,
)

from chassis.database.bulk import upsert_rows
from chassis.database.direct import Direct
from kernel.clock import to_micros
from services.fraud.domain.rule import FraudRule, RuleKind
from services.fraud.domain.window import Step
from services.fraud.store.schema import window_step_table as table

DROPPED_STEPS_MAX = 5_000

# Rule, account, number of the step.
StepKey = tuple[str, str, int]
Steps = dict[StepKey, Step]

_KEY = ("tenant_id", "account_id", "fraud_rule_id", "step")

_STEPS = select(
    table.c.fraud_rule_id,
    table.c.account_id,
    table.c.step,
    table.c.call_count,
    table.c.spent_micros,
    table.c.charge_ids,
    table.c.first_call_micros,
    table.c.last_call_micros,
).where(
    table.c.tenant_id == bindparam("tenant_id"),
    table.c.account_id.in_(bindparam("account_ids", expanding=True)),
    table.c.fraud_rule_id.in_(bindparam("fraud_rule_ids", expanding=True)),
)
_STEPS_BY_NUMBER = Direct(_STEPS.where(table.c.step.in_(bindparam("numbers", expanding=True))))
_STEPS_IN_SPAN = Direct(_STEPS.where(table.c.step.between(bindparam("first"), bindparam("last"))))


def _accounts_above_limit(measure: ColumnElement[int]) -> Direct:
    return Direct(
        select(table.c.account_id)
        .where(
            table.c.tenant_id == bindparam("tenant_id"),
            table.c.account_id.in_(bindparam("account_ids", expanding=True)),
            table.c.fraud_rule_id == bindparam("fraud_rule_id"),
            table.c.step.between(bindparam("first"), bindparam("last")),
        )
        .group_by(table.c.account_id)
        .having(func.sum(measure) > bindparam("limit"))
        .order_by(table.c.account_id)
    )


_ABOVE_CALL_LIMIT = _accounts_above_limit(table.c.call_count)
# A step that holds less than nothing, after corrections, takes nothing off the others here.
_ABOVE_SPEND_LIMIT = _accounts_above_limit(
    case((table.c.spent_micros > 0, table.c.spent_micros), else_=0)
)
_NAMES = tuple(column.name for column in table.c)


def load_steps(connection: Connection, tenant_id: str, keys: Collection[StepKey]) -> Steps:
    """These steps, as far as they are there; some neighbours may be among them."""
    if not keys:
        return {}
    rule_ids, account_ids, numbers = (sorted(set(part)) for part in zip(*keys, strict=True))
    parameters = {
        "tenant_id": tenant_id,
        "account_ids": account_ids,
        "fraud_rule_ids": rule_ids,
        "numbers": numbers,
    }
    rows = _STEPS_BY_NUMBER.rows(connection, parameters)
    return {(row[0], row[1], row[2]): Step(*row[3:]) for row in rows}


def load_span(
    connection: Connection,
    tenant_id: str,
    fraud_rule_id: str,
    account_id: str,
    span: tuple[int, int],
) -> dict[int, Step]:
    """All steps of an account in a span, by number."""
    parameters = {
        "tenant_id": tenant_id,
        "account_ids": [account_id],
        "fraud_rule_ids": [fraud_rule_id],
        "first": span[0],
        "last": span[1],
    }
    return {row[2]: Step(*row[3:]) for row in _STEPS_IN_SPAN.rows(connection, parameters)}


def find_suspects(
    connection: Connection,
    tenant_id: str,
    rule: FraudRule,
    account_ids: Iterable[str],
    span: tuple[int, int],
) -> Sequence[str]:
    """The accounts that did more than the limit in a span of steps, if not within one window."""
    by_spend = rule.kind is RuleKind.SPEND_VELOCITY
    parameters = {
        "tenant_id": tenant_id,
        "account_ids": sorted(account_ids),
        "fraud_rule_id": rule.fraud_rule_id,
        "first": span[0],
        "last": span[1],
        "limit": rule.limit,
    }
    query = _ABOVE_SPEND_LIMIT if by_spend else _ABOVE_CALL_LIMIT
    return [account_id for (account_id,) in query.rows(connection, parameters)]


def save_steps(connection: Connection, tenant_id: str, steps: Steps, update_time: datetime) -> None:
    """Store steps of locked accounts, new or changed."""
    moment = to_micros(update_time)
    rows = [
        (
            *(tenant_id, rule_id, account_id, number, step.call_count, step.spent_micros),
            *(step.charge_ids, step.first_call_micros, step.last_call_micros, moment),
        )
        for (rule_id, account_id, number), step in steps.items()
    ]
    upsert_rows(connection, table, _NAMES, rows)


def newest_call_micros(connection: Connection, tenant_id: str, account_id: str) -> int:
    """When the newest call that windows hold of an account started; 0 when they hold none."""
    query = select(func.max(table.c.last_call_micros)).filter_by(
        tenant_id=tenant_id, account_id=account_id
    )
    return connection.execute(query).scalar_one() or 0


def delete_steps_of_account(connection: Connection, tenant_id: str, account_id: str) -> None:
    """Empty an account's windows."""
    mine = (table.c.tenant_id == tenant_id, table.c.account_id == account_id)
    connection.execute(delete(table).where(*mine))


def delete_steps_of_rule(connection: Connection, tenant_id: str, fraud_rule_id: str) -> None:
    """Empty a rule's windows."""
    mine = (table.c.tenant_id == tenant_id, table.c.fraud_rule_id == fraud_rule_id)
    connection.execute(delete(table).where(*mine))


def drop_steps(connection: Connection, untouched_since: datetime) -> int:
    """Remove up to DROPPED_STEPS_MAX steps that nothing was added to since a time."""
    key = tuple_(*(table.c[name] for name in _KEY))
    oldest = (
        select(*(table.c[name] for name in _KEY))
        .where(table.c.update_time < untouched_since)
        .limit(DROPPED_STEPS_MAX)
        # A step that is being added to is not an old one.
        .with_for_update(skip_locked=True)
    )
    return connection.execute(delete(table).where(key.in_(oldest))).rowcount
