"""Steps on the funds of one account, as the tests of funds take them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.funds.funds import Funds, Policy
from services.payment.domain.funds.funds_book import FundsBook, execute
from services.payment.domain.funds.holds import Hold
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChangeHold,
    ChargeRevision,
    OverrunPolicy,
    PlaceHold,
    Result,
    Step,
    Transfer,
)
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.entries import EventSource

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NO_POLICY = Policy()


def eur(micros: int) -> Money:
    return Money("EUR", micros)


def account(mode: PaymentMode = PaymentMode.PREPAID, zone: str = "UTC", **others: Any) -> Account:
    stated = {"account_id": "a", "payer_account_id": "a", "currency": "EUR"} | others
    return Account("acme", legal_entity_id="nl", mode=mode, time_zone=zone, **stated)


def book_of(
    balance: int,
    policy: Policy = NO_POLICY,
    mode: PaymentMode = PaymentMode.PREPAID,
    zone: str = "UTC",
    promotions: Sequence[Promotion] = (),
) -> FundsBook:
    funds = Funds(account(mode, zone), balance, policy=policy, promotions=tuple(promotions))
    return FundsBook([funds])


def do(book: FundsBook, step: Step, now: datetime = NOW, request_id: str = "") -> Result:
    request_id = request_id or new_uuid()
    return execute(Transfer(request_id, repr(step).encode(), "rating", step), book, now)


def place(
    amount: int, minimum: int | None = None, hold_id: str = "", validity: timedelta = MINUTE
) -> PlaceHold:
    least = None if minimum is None else eur(minimum)
    return PlaceHold(hold_id or new_uuid(), "a", eur(amount), least, validity, "call 1")


def change(hold: Hold, amount: int, minimum: int | None = None) -> ChangeHold:
    least = None if minimum is None else eur(minimum)
    return ChangeHold(hold.hold_id, eur(amount), least, 2 * MINUTE)


def capture(
    hold: Hold,
    amount: int,
    charge: int = 1,
    revision: int = 1,
    overrun: OverrunPolicy = OverrunPolicy.POST_ALL,
) -> CaptureHold:
    revised = ChargeRevision(charge.to_bytes(16), revision)
    return CaptureHold(hold.hold_id, revised, eur(amount), overrun, EventSource("rating", 3, 7))


def held(result: Result) -> Hold:
    assert result.error is None, result.error
    assert result.hold is not None
    return result.hold


def reason(result: Result) -> str:
    assert result.error is not None
    assert result.hold is None
    return result.error.reason
