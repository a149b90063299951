"""Executes steps on the funds and holds at hand; what it changes, somebody else stores."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from kernel.errors import DomainError
from kernel.money import Money
from services.payment.domain.errors import balance_out_of_range, unknown_account
from services.payment.domain.funds.funds import Funds
from services.payment.domain.funds.holds import Hold, HoldState
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.spending import ChargePayment, split_return
from services.payment.domain.funds.transfer_errors import (
    hold_ended,
    hold_exceeded,
    hold_exists,
    hold_not_found,
    request_id_reused,
)
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChangeHold,
    ChargeRevision,
    Executed,
    OverrunPolicy,
    PlaceHold,
    ReleaseHold,
    Result,
    Transfer,
)
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS, EventSource


class Capture(NamedTuple):
    """A charge that is to be posted as usage of an account."""

    charge: ChargeRevision
    hold_id: str
    account_id: str
    amount: Money
    actor: str
    source: EventSource | None
    paid: tuple[tuple[Promotion, int], ...] = ()
    """What each promotion pays of it; what it gets back is negative."""
    expired_micros: int = 0
    """What goes back to the expense of credit that has expired meanwhile; part of `paid`."""

    @property
    def promotion_micros(self) -> int:
        """What promotional credit pays of it, less what goes back to its expense."""
        return sum(micros for _, micros in self.paid) + self.expired_micros

    @property
    def own_micros(self) -> int:
        """What the account itself pays of it."""
        return self.amount.micros - sum(micros for _, micros in self.paid)


class FundsBook:
    """The accounts, holds, charges and answers that some steps need, and what became of them.

    It must hold every account, hold, charge revision and request that the steps name, as far as it
    exists: what is missing here is taken as not existing.
    """

    def __init__(
        self,
        funds: Iterable[Funds] = (),
        holds: Iterable[Hold] = (),
        captured: Iterable[ChargeRevision] = (),
        results: Mapping[str, Executed] | None = None,
        payments: Mapping[bytes, ChargePayment] | None = None,
    ) -> None:
        """`payments` are those of the charges of which something is given back."""
        self.funds = {each.account.account_id: each for each in funds}
        self.holds = {hold.hold_id: hold for hold in holds}
        self.captured = set(captured)
        self.results = dict(results or {})
        self._payments = dict(payments or {})
        # Since the book was made, each in the order in which it happened.
        self.executed: dict[str, Executed] = {}
        self.captures: list[Capture] = []
        self.paid_by_promotions: dict[str, int] = defaultdict(int)
        self._funds_before, self._holds_before = dict(self.funds), dict(self.holds)

    def new_holds(self) -> list[Hold]:
        """The holds placed since the book was made."""
        return [hold for key, hold in self.holds.items() if key not in self._holds_before]

    def changed_holds(self) -> list[Hold]:
        """The holds that were there when the book was made, and are different now."""
        before = self._holds_before
        return [self.holds[key] for key in before if self.holds[key] is not before[key]]

    def changed_funds(self) -> list[Funds]:
        """The funds that are different now."""
        before = self._funds_before
        return [self.funds[key] for key in before if self.funds[key] is not before[key]]

    def funds_of(self, account_id: str) -> Funds:
        """The funds of an account. Raises UNKNOWN_ACCOUNT."""
        if (funds := self.funds.get(account_id)) is None:
            raise unknown_account(account_id)
        return funds

    def hold(self, hold_id: str) -> Hold:
        """A hold. Raises HOLD_NOT_FOUND."""
        if (hold := self.holds.get(hold_id)) is None:
            raise hold_not_found(hold_id)
        return hold

    def keep(self, hold: Hold) -> Hold:
        """Put a hold in the place of the former one; the account's held sum follows."""
        former = self.holds.get(hold.hold_id)
        more = hold.held_micros - (former.held_micros if former else 0)
        if more:
            self.funds[hold.account_id] = self.funds[hold.account_id].holding(more)
        self.holds[hold.hold_id] = hold
        return hold

    def capture(self, capture: Capture, now: datetime) -> None:
        """Note a charge as captured and debit its account, once.

        Raises:
            DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, BALANCE_OUT_OF_RANGE.
        """
        funds = self.funds_of(capture.account_id)
        funds.account.require_payer()
        funds.account.require_currency(capture.amount)
        debited, posted = self._posted(capture, funds, now)
        if abs(debited.balance_micros) > POSTING_MAX_MICROS:
            raise balance_out_of_range(f"account {capture.account_id!r}")
        hold = self.holds.get(capture.hold_id)
        if hold and abs(hold.captured_micros + capture.amount.micros) > POSTING_MAX_MICROS:
            raise balance_out_of_range(f"hold {capture.hold_id!r}")
        self.funds[capture.account_id] = debited
        self.captured.add(capture.charge)
        self.captures.append(posted)
        charge_id = capture.charge.charge_id
        before = self._payments.get(charge_id, ChargePayment())
        self._payments[charge_id] = before.plus(posted.own_micros, posted.paid)
        for promotion, micros in posted.paid:
            if micros > 0 or not promotion.has_expired(now):
                self.paid_by_promotions[promotion.promotion_id] += micros

    def _posted(self, capture: Capture, funds: Funds, now: datetime) -> tuple[Funds, Capture]:
        """The funds after a capture, and the capture with who pays for it."""
        micros = capture.amount.micros
        if micros < 0:
            before = self._payments.get(capture.charge.charge_id, ChargePayment())
            given = split_return(-micros, before, now)
            back = tuple((promotion, -share) for promotion, share in given.promotions)
            after = funds.given_back(-micros, given, now)
            return after, capture._replace(paid=back, expired_micros=given.expired_micros)
        debited, shares = funds.debited(micros, now)
        paid = tuple(
            (p, shares[p.promotion_id]) for p in funds.promotions if p.promotion_id in shares
        )
        return debited, capture._replace(paid=paid)


def execute(transfer: Transfer, book: FundsBook, now: datetime) -> Result:
    """Execute a step once: a repeated one gets the first result, an altered one is refused."""
    if (first := book.results.get(transfer.request_id)) is not None:
        if first.fingerprint == transfer.fingerprint:
            return first.result
        return Result(None, request_id_reused(transfer.request_id))
    try:
        hold = _hold_after(transfer, book, now)
        result = Result(hold, None, _room(book, hold.account_id, now))
    except DomainError as error:
        result = Result(None, error, _room(book, _account_of(transfer, book), now))
    executed = Executed(transfer.fingerprint, result)
    book.results[transfer.request_id] = book.executed[transfer.request_id] = executed
    return result


def capture_rated(capture: Capture, book: FundsBook, now: datetime) -> None:
    """Take a charge from its hold because rating's event tells of it; nothing if it was captured.

    A hold that is not known is no obstacle: what is owed is posted.
    """
    if capture.charge in book.captured:
        return
    book.capture(capture, now)
    if (hold := book.holds.get(capture.hold_id)) is not None:
        book.keep(hold.captured(capture.amount.micros))


def expire_due(book: FundsBook, now: datetime) -> None:
    """End the open holds that nobody has changed or ended in time."""
    for hold in list(book.holds.values()):
        if hold.is_open and hold.expire_time <= now:
            book.keep(hold.ended(HoldState.EXPIRED))


def _hold_after(transfer: Transfer, book: FundsBook, now: datetime) -> Hold:
    match transfer.step:
        case PlaceHold() as step:
            return _place(step, book, now)
        case ChangeHold() as step:
            return _change(step, book, now)
        case CaptureHold() as step:
            return _capture(step, transfer.actor, book, now)
        case ReleaseHold() as step:
            return book.keep(book.hold(step.hold_id).ended(HoldState.RELEASED))


def _place(step: PlaceHold, book: FundsBook, now: datetime) -> Hold:
    funds = book.funds_of(step.account_id)
    funds.account.require_payer()
    funds.account.require_currency(step.amount)
    if step.hold_id in book.holds:
        raise hold_exists(step.hold_id)
    hold = Hold(
        step.hold_id,
        step.account_id,
        step.reference,
        step.amount.currency,
        _affordable(step, funds, 0, now),
        captured_micros=0,
        state=HoldState.OPEN,
        create_time=now,
        expire_time=now + step.validity,
    )
    return book.keep(hold)


def _change(step: ChangeHold, book: FundsBook, now: datetime) -> Hold:
    hold = book.hold(step.hold_id)
    if not hold.is_open:
        raise hold_ended(hold.hold_id, hold.state.name)
    funds = book.funds_of(hold.account_id)
    funds.account.require_currency(step.amount)
    held = _affordable(step, funds, hold.held_micros, now)
    return book.keep(hold._replace(held_micros=held, expire_time=now + step.validity))


def _affordable(step: PlaceHold | ChangeHold, funds: Funds, held: int, now: datetime) -> int:
    least = step.amount if step.minimum is None else step.minimum
    granted = funds.affordable(step.amount.micros, least.micros, now, held)
    # Without a limit there would be no end to it.
    if funds.held_micros - held + granted > POSTING_MAX_MICROS:
        raise balance_out_of_range(f"account {funds.account.account_id!r}")
    return granted


def _capture(step: CaptureHold, actor: str, book: FundsBook, now: datetime) -> Hold:
    hold = book.hold(step.hold_id)
    if step.charge in book.captured:
        return hold
    if step.overrun == OverrunPolicy.REFUSE and step.amount.micros > hold.held_micros:
        raise hold_exceeded(hold.hold_id, hold.held_micros, step.amount.micros)
    capture = Capture(step.charge, hold.hold_id, hold.account_id, step.amount, actor, step.source)
    book.capture(capture, now)
    # Only now does the hold let go of the money: the debit has taken it.
    return book.keep(hold.captured(step.amount.micros))


def _account_of(transfer: Transfer, book: FundsBook) -> str:
    if isinstance(transfer.step, PlaceHold):
        return transfer.step.account_id
    hold = book.holds.get(transfer.step.hold_id)
    return "" if hold is None else hold.account_id


def _room(book: FundsBook, account_id: str, now: datetime) -> Money | None:
    funds = book.funds.get(account_id)
    room = None if funds is None else funds.room_micros(now)
    return None if room is None or funds is None else Money(funds.account.currency, room)
