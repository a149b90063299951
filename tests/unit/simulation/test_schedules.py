"""Schedules of calls, money and crashes: no overspend, no double charge, no loss.

`make chaos` searches many more.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from services.payment.domain.funds import funds_book
from services.payment.domain.funds.funds import Funds
from services.payment.domain.funds.funds_book import Capture, FundsBook
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.transfers import Result, Transfer
from services.rating.domain.charging import authorising
from services.rating.domain.charging.session import Session
from services.rating.usecases.charging import saga
from tests.support.simulation import message_funds, payment
from tests.support.simulation.runner import first_failure, run, story
from tests.support.simulation.scenario import draw
from tests.support.simulation.schedule import Schedule

SCHEDULES = 1_000
# A bug that a check would have kept out is found within so many schedules.
SCHEDULES_FOR_A_BUG = 1_000
# A call closes amid an extend of which one hold was placed, another refused, and the first undone.
REFUSED_BY_ITS_RESELLER = 19_429

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Crashes are what this is about; nobody wants to read of each."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_no_schedule_overspends_charges_twice_or_loses_a_capture() -> None:
    """Whatever is lost, repeated, late or killed: money and units add up in the end."""
    failure = first_failure(range(SCHEDULES))
    assert failure is None, story(failure.seed)


def test_what_a_call_uses_after_its_reseller_has_refused_more_is_charged_without_a_hold() -> None:
    """What was held for a moment was given back by then; nobody owes it twice, nothing is lost."""
    failure = first_failure(range(REFUSED_BY_ITS_RESELLER, REFUSED_BY_ITS_RESELLER + 1))
    assert failure is None, story(failure.seed)


def test_schedules_come_by_everything_that_is_worth_testing() -> None:
    """A search proves nothing of what it never sees."""
    seen: Counter[str] = Counter()
    for seed in range(200):
        seen += run(draw(seed))
    expected = {
        "open GRANTED", "open REFUSED", "extend GRANTED", "extend REFUSED", "extend HANG_UP",
        "close CLOSED", "close REFUSED", "crash", "restart", "died", "expired", "posted", "record",
    }  # fmt: skip
    assert expected <= seen.keys()
    assert seen["open GRANTED"] > seen["open REFUSED"] / 2


def test_a_seed_always_tells_the_same_story() -> None:
    """What was found once is found again."""
    traces = []
    for _ in range(2):
        schedule = Schedule(draw(7), is_traced=True)
        schedule.run()
        traces.append(schedule.world.trace)
    assert traces[0] == traces[1]
    assert traces[0]


def _ignoring_other_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    available = Funds.available_micros

    def all_of_it(self: Funds, now: datetime) -> int | None:
        left = available(self, now)
        return None if left is None else left + self.held_micros

    monkeypatch.setattr(Funds, "available_micros", all_of_it)


def _forgetting_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    def capture_again(capture: Capture, book: FundsBook, now: datetime) -> None:
        book.captured.clear()
        funds_book.capture_rated(capture, book, now)

    monkeypatch.setattr(payment, "capture_rated", capture_again)
    monkeypatch.setattr(payment.Payment, "note_capture", lambda *_: None)


def _executing_repetitions(monkeypatch: pytest.MonkeyPatch) -> None:
    def execute_again(transfer: Transfer, book: FundsBook, now: datetime) -> Result:
        book.results.clear()
        return funds_book.execute(transfer, book, now)

    monkeypatch.setattr(payment, "execute", execute_again)
    monkeypatch.setattr(payment.Payment, "note_result", lambda *_: None)


def _losing_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment, "capture_rated", lambda *_: None)


def _keeping_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment, "expire_due", lambda *_: None)


def _taking_no_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_is(session: Session, *_: Any) -> Session:
        return session

    monkeypatch.setattr(authorising, "_reserving", as_it_is)


def _granting_all_that_was_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(_prices: Any, _held: Any, _granted: int, target: int) -> int:
        return target

    monkeypatch.setattr(authorising, "grant_within", all_of_it)


def _losing_what_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(_saga: Any, _session: Session) -> None:
        return

    monkeypatch.setattr(saga.Saga, "end", leave)


def _ignoring_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Funds, "cap_rooms", lambda *_: {})


def _spending_expired_credit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Promotion, "has_expired", lambda *_: False)


def _believing_old_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_funds, "to_micros", lambda _: 2**62)


@pytest.mark.parametrize(
    ("plant", "problem"),
    [
        (_ignoring_other_holds, "OVERSPEND"),
        (_forgetting_captures, "was posted twice"),
        (_executing_repetitions, "was answered"),
        (_losing_events, "charged"),
        (_keeping_holds, "still held when everything is over"),
        (_taking_no_reservation, "are held for it"),
        (_granting_all_that_was_wanted, "are held for it"),
        (_ignoring_caps, "CAP"),
        (_spending_expired_credit, "OVERSPEND"),
        (_believing_old_answers, "held for"),
        (_losing_what_was_begun, "there is no end to it"),
    ],
)
def test_a_check_that_is_taken_away_is_missed(
    plant: Callable[[pytest.MonkeyPatch], None], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check that keeps money safe is needed, and the search would see that it is gone."""
    plant(monkeypatch)
    failure = first_failure(range(SCHEDULES_FOR_A_BUG))
    assert failure is not None
    assert problem in failure.problem


def test_a_failure_is_told_as_small_as_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call or two on one balance are enough to tell of a hold that ignores others."""
    _ignoring_other_holds(monkeypatch)
    failure = first_failure(range(SCHEDULES_FOR_A_BUG))
    assert failure is not None
    told = story(failure.seed)
    assert f"SEED={failure.seed}" in told
    assert told.count("PlannedCall(") <= 2
    assert "Crash(" not in told
    assert "OVERSPEND" in told
