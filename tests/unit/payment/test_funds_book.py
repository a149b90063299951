"""Steps of two-phase transfers: what an account has is held once, captured once, freed once."""

from datetime import timedelta

import pytest

from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.funds.funds import Funds, Policy
from services.payment.domain.funds.funds_book import FundsBook, expire_due
from services.payment.domain.funds.holds import HoldState
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChargeRevision,
    OverrunPolicy,
    PlaceHold,
    ReleaseHold,
)
from services.payment.domain.ledger.account import PaymentMode
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS
from tests.unit.payment.funds_steps import (
    MINUTE,
    NOW,
    account,
    book_of,
    capture,
    change,
    do,
    eur,
    held,
    place,
    reason,
)


def test_what_is_held_nobody_else_can_hold() -> None:
    """Of 10 EUR, 6 are held for one call: the next one gets 4, not 5."""
    book = book_of(10)
    assert held(do(book, place(6))).held_micros == 6
    refused = do(book, place(5))
    assert reason(refused) == "INSUFFICIENT_FUNDS"
    assert refused.available == eur(4)
    assert held(do(book, place(4))).held_micros == 4
    assert do(book, place(1)).available == eur(0)


def test_a_hold_with_a_minimum_takes_what_is_left() -> None:
    """100 are wanted, 30 would do, 40 are there: 40 are held. With 41 as the least: nothing."""
    book = book_of(40)
    assert reason(do(book, place(100, minimum=41))) == "INSUFFICIENT_FUNDS"
    assert held(do(book, place(100, minimum=30))).held_micros == 40


def test_a_hold_of_nothing_needs_nothing() -> None:
    """A free call may begin on an overdrawn account."""
    assert held(do(book_of(-5), place(0))).held_micros == 0


def test_credit_limit_of_a_postpaid_account() -> None:
    """Owing 70 of a limit of 100, 30 can be held; without a limit anything can."""
    limited = book_of(-70, Policy(credit_limit_micros=100), PaymentMode.POSTPAID)
    assert reason(do(limited, place(31))) == "INSUFFICIENT_FUNDS"
    assert held(do(limited, place(30))).held_micros == 30
    unlimited = do(book_of(-70, mode=PaymentMode.POSTPAID), place(10**15))
    assert held(unlimited).held_micros == 10**15
    assert unlimited.available is None


def test_without_a_limit_holds_still_have_an_end() -> None:
    """Holds that no database could sum are refused."""
    book = book_of(0, mode=PaymentMode.POSTPAID)
    assert held(do(book, place(POSTING_MAX_MICROS))).held_micros == POSTING_MAX_MICROS
    assert reason(do(book, place(1))) == "BALANCE_OUT_OF_RANGE"


def test_a_hold_grows_shrinks_and_lasts_longer() -> None:
    """From 4 to 9 of 10; to 12 not, but with a minimum to all there is; to 1 always."""
    book = book_of(10)
    hold = held(do(book, place(4)))
    grown = held(do(book, change(hold, 9)))
    assert (grown.held_micros, grown.expire_time) == (9, NOW + 2 * MINUTE)
    assert reason(do(book, change(hold, 12))) == "INSUFFICIENT_FUNDS"
    assert held(do(book, change(hold, 12, minimum=5))).held_micros == 10
    assert held(do(book, change(hold, 1))).held_micros == 1
    assert book.funds["a"].held_micros == 1


def test_a_change_never_takes_back_what_was_granted() -> None:
    """The account was overdrawn meanwhile: who asks for more keeps what the hold has."""
    book = book_of(10)
    hold = held(do(book, place(4)))
    book.funds["a"] = book.funds["a"]._replace(balance_micros=-3)
    assert held(do(book, change(hold, 8, minimum=4))).held_micros == 4
    assert reason(do(book, change(hold, 8, minimum=5))) == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize("amount", [3, 6, 8])
def test_a_capture_below_at_or_above_the_hold(amount: int) -> None:
    """The exact amount is posted, the hold ends, and the rest is free again."""
    book = book_of(10)
    hold = held(do(book, place(6)))
    captured = do(book, capture(hold, amount))
    assert held(captured).state == HoldState.CAPTURED
    assert (held(captured).held_micros, held(captured).captured_micros) == (0, amount)
    assert captured.available == eur(10 - amount)
    assert [each.amount for each in book.captures] == [eur(amount)]


def test_a_capture_that_may_not_exceed_its_hold() -> None:
    """7 of a hold of 6 is refused, and the hold stays open; 6 is taken."""
    book = book_of(10)
    hold = held(do(book, place(6)))
    refused = do(book, capture(hold, 7, overrun=OverrunPolicy.REFUSE))
    assert reason(refused) == "HOLD_EXCEEDED"
    assert book.holds[hold.hold_id].held_micros == 6
    assert held(do(book, capture(hold, 6, overrun=OverrunPolicy.REFUSE))).captured_micros == 6


def test_a_charge_revision_is_captured_once() -> None:
    """Another request for the same revision posts nothing; the next revision does."""
    book = book_of(10)
    hold = held(do(book, place(6)))
    first = do(book, capture(hold, 5))
    assert do(book, capture(hold, 5)) == first
    assert book.funds["a"].balance_micros == 5
    assert held(do(book, capture(hold, -2, revision=2))).captured_micros == 3
    assert book.funds["a"].balance_micros == 7


def test_an_overrun_stops_the_next_hold() -> None:
    """The service was delivered and is posted whole; afterwards nothing is available."""
    book = book_of(10)
    hold = held(do(book, place(10)))
    assert do(book, capture(hold, 12)).available == eur(0)
    assert book.funds["a"].balance_micros == -2
    assert reason(do(book, place(1))) == "INSUFFICIENT_FUNDS"


def test_a_late_capture_is_posted_all_the_same() -> None:
    """The switch died and the hold expired; what the call cost is owed nevertheless."""
    book = book_of(10)
    hold = held(do(book, place(6)))
    expire_due(book, NOW + MINUTE - timedelta(microseconds=1))
    assert book.funds["a"].held_micros == 6
    expire_due(book, NOW + MINUTE)
    assert book.holds[hold.hold_id].state == HoldState.EXPIRED
    assert book.funds["a"].held_micros == 0
    assert held(do(book, capture(hold, 4))).captured_micros == 4
    assert book.funds["a"].balance_micros == 6


def test_a_release_frees_once() -> None:
    """A second release changes nothing; what has ended cannot be changed."""
    book = book_of(10)
    hold = held(do(book, place(6)))
    released = held(do(book, ReleaseHold(hold.hold_id)))
    assert released.state == HoldState.RELEASED
    assert held(do(book, ReleaseHold(hold.hold_id))) == released
    assert book.funds["a"].held_micros == 0
    assert reason(do(book, change(hold, 1))) == "HOLD_ENDED"


def test_a_repeated_step_gets_its_first_result() -> None:
    """Whatever has happened since; another step under its id is refused."""
    book = book_of(10)
    step = place(6)
    first = do(book, step, request_id="open-1")
    do(book, ReleaseHold(step.hold_id))
    assert do(book, step, request_id="open-1") == first
    assert reason(do(book, place(6), request_id="open-1")) == "REQUEST_ID_REUSED"
    refusal = do(book, place(11), request_id="open-2")
    assert reason(refusal) == "INSUFFICIENT_FUNDS"
    assert book.funds["a"].held_micros == 0


def test_what_does_not_exist_is_refused() -> None:
    """An account, a hold; and a hold that exists cannot be placed again."""
    book = book_of(10)
    unknown = PlaceHold(new_uuid(), "b", eur(1), None, MINUTE, "call")
    assert reason(do(book, unknown)) == "UNKNOWN_ACCOUNT"
    assert reason(do(book, ReleaseHold(new_uuid()))) == "HOLD_NOT_FOUND"
    hold = held(do(book, place(6)))
    assert reason(do(book, place(1, hold_id=hold.hold_id))) == "HOLD_EXISTS"


def test_only_payers_hold_and_only_in_their_currency() -> None:
    """Another account pays for this one; dollars are not euros."""
    paid_for = FundsBook([Funds(account(payer_account_id="b"), 10)])
    assert reason(do(paid_for, place(1))) == "NOT_A_PAYER"
    dollars = PlaceHold(new_uuid(), "a", Money("USD", 1), None, MINUTE, "call")
    book = book_of(10)
    assert reason(do(book, dollars)) == "CURRENCY_MISMATCH"
    hold = held(do(book, place(1)))
    charge = ChargeRevision(bytes(16), 1)
    taken = CaptureHold(hold.hold_id, charge, Money("USD", 1), OverrunPolicy.POST_ALL, None)
    assert reason(do(book, taken)) == "CURRENCY_MISMATCH"
    assert book.holds[hold.hold_id].is_open


def test_a_capture_past_what_can_be_kept_is_refused_alone() -> None:
    """The hold stays as it is, and other steps go on."""
    book = book_of(-POSTING_MAX_MICROS, mode=PaymentMode.POSTPAID)
    hold = held(do(book, place(1)))
    assert reason(do(book, capture(hold, 1))) == "BALANCE_OUT_OF_RANGE"
    assert book.holds[hold.hold_id].is_open
    assert not book.captures


def test_what_is_captured_from_one_hold_has_bounds() -> None:
    """However often it is captured and given back, and whatever the balance is meanwhile."""
    book = book_of(0)
    hold, other = held(do(book, place(0))), held(do(book, place(0)))
    held(do(book, capture(hold, -POSTING_MAX_MICROS, charge=1)))
    held(do(book, capture(other, POSTING_MAX_MICROS, charge=2)))
    assert reason(do(book, capture(hold, -1, charge=3))) == "BALANCE_OUT_OF_RANGE"
    assert book.funds["a"].balance_micros == 0
    assert held(do(book, capture(hold, 1, charge=3))).captured_micros == 1 - POSTING_MAX_MICROS
