"""What each tenant's switches hand over in the month, and what a careful person expects of it."""

from collections import Counter
from dataclasses import dataclass

from deploy.local.sample import asterisk, freeswitch
from deploy.local.sample.calls import Call, late_calls, month_of_calls
from deploy.local.sample.operator import Tenant

FREESWITCH_CURRENCY = "GBP"


@dataclass(frozen=True, slots=True)
class Expectation:
    """How the records of a tenant must end: received = accepted + duplicate + suspended."""

    accepted: int
    duplicate: int
    suspended: Counter[str]

    @property
    def received(self) -> int:
        """All records."""
        return self.accepted + self.duplicate + self.suspended.total()


@dataclass(frozen=True, slots=True)
class Traffic:
    """The records of one tenant."""

    log: asterisk.Log
    documents: tuple[bytes, ...]
    # Lines that the switch writes when the month is closed.
    late_lines: bytes
    late_count: int
    expected: Expectation


def traffic_of(tenant: Tenant) -> Traffic:
    """The calls of the tenant's accounts.

    Tenants with the same account codes get the same records, call ids included: only who pushes
    them tells the tenants apart.
    """
    codes = {account.code for account in tenant.accounts}
    calls = [call for call in month_of_calls() if call.account.code in codes]
    by_asterisk = [call for call in calls if not _is_on_freeswitch(call)]
    by_freeswitch = [call for call in calls if _is_on_freeswitch(call)]
    late = [asterisk.line_of(call) for call in late_calls()]
    return Traffic(
        log=asterisk.log_of(by_asterisk),
        documents=tuple(freeswitch.documents_of(by_freeswitch)),
        late_lines=b"".join(late),
        late_count=len(late),
        expected=_expectation(by_asterisk, by_freeswitch),
    )


def _expectation(by_asterisk: list[Call], by_freeswitch: list[Call]) -> Expectation:
    pushed_again = len(by_freeswitch[:: freeswitch.REPEATED_EVERY])
    return Expectation(
        accepted=len(by_asterisk) + len(by_freeswitch),
        duplicate=asterisk.REPEATED_LINES + pushed_again,
        suspended=Counter(asterisk.expected_reasons(by_asterisk))
        + Counter(freeswitch.expected_reasons()),
    )


def _is_on_freeswitch(call: Call) -> bool:
    return call.account.currency == FREESWITCH_CURRENCY
