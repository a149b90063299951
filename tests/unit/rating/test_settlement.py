"""A charge is settled once: inputs of any kind, in any order, lead to one amount."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rating.domain.charges.settlement import (
    InputKind,
    Offer,
    Outcome,
    Settled,
    Step,
    settle,
)

CALL, COPY = b"a" * 16, b"b" * 16
RECORD, SESSION, RETRY, RERATING = (
    InputKind.CALL_RECORD,
    InputKind.SESSION_END,
    InputKind.RETRY,
    InputKind.RERATING,
)


def record(amount: int | None, revision: int = 1, call_id: bytes = CALL) -> Offer:
    """A call record; no amount means no price."""
    return offer(RECORD, amount, revision, call_id)


def offer(
    kind: InputKind, amount: int | None, revision: int = 1, call_id: bytes | None = CALL
) -> Offer:
    """An input that would settle an amount."""
    if amount is None:
        return Offer(Outcome.UNRATED, "NO_RATE", 0, kind, call_id, revision)
    outcome = Outcome.RATED if amount else Outcome.ZERO
    return Offer(outcome, "", amount, kind, call_id, revision)


@dataclass
class Charge:
    """A charge and what every step added to it."""

    prevails: InputKind = RECORD
    state: Settled | None = None
    steps: list[Step] = field(default_factory=list)

    def take(self, each: Offer) -> bool:
        """Settle an input; tell whether it led to a revision."""
        step = settle(self.state, each, self.prevails)
        if step is None:
            return False
        keeps_source = self.state is not None and each.kind in {RETRY, RERATING}
        self.state = Settled(
            step.revision,
            each.outcome,
            each.unrated_reason,
            each.amount_micros,
            self.state.source if self.state and keeps_source else each.kind,
            each.call_id,
            each.call_revision,
        )
        self.steps.append(step)
        return True

    @property
    def total(self) -> int:
        """What was settled, all steps together."""
        return sum(step.amount_delta_micros for step in self.steps)


def test_the_first_input_opens_the_charge() -> None:
    """All of its amount is to be settled."""
    assert settle(None, record(500)) == Step(1, 500)


@pytest.mark.parametrize("amount", [500, 0, None])
def test_the_same_input_again_settles_nothing(amount: int | None) -> None:
    """Whether it had a price or not."""
    charge = Charge()
    assert charge.take(record(amount))
    assert not charge.take(record(amount))


def test_a_corrected_record_settles_the_difference() -> None:
    """And the record that it corrects cannot come back."""
    charge = Charge()
    charge.take(record(500))
    assert charge.take(record(300, revision=2))
    assert not charge.take(record(500, revision=1))
    assert [step.amount_delta_micros for step in charge.steps] == [500, -200]


def test_a_copy_of_the_call_from_another_source_settles_nothing() -> None:
    """The first source that recorded a call keeps it."""
    charge = Charge()
    charge.take(record(500))
    assert not charge.take(record(700, revision=9, call_id=COPY))


def test_a_call_without_a_price_is_settled_when_it_gets_one() -> None:
    """Once, however often it is tried."""
    charge = Charge()
    charge.take(record(None))
    assert not charge.take(offer(RETRY, None))
    assert charge.take(offer(RETRY, 500))
    assert not charge.take(offer(RETRY, 500))
    assert (charge.total, len(charge.steps)) == (500, 2)


@pytest.mark.parametrize("newer", [None, 300])
def test_a_retry_never_undoes_what_a_newer_record_settled(newer: int | None) -> None:
    """The call was read for the retry before its correction came."""
    charge = Charge()
    charge.take(record(None))
    charge.take(record(newer, revision=2))
    settled = charge.total
    assert not charge.take(offer(RETRY, 500, revision=1))
    assert charge.total == settled


def test_a_retry_never_prices_again_what_has_a_price() -> None:
    """Another retry priced it; under what is published since, it would cost something else."""
    charge = Charge()
    charge.take(record(None))
    charge.take(offer(RETRY, 500))
    assert not charge.take(offer(RETRY, 450))


def test_what_was_settled_stands_until_there_is_another_price() -> None:
    """A correction that cannot be priced takes nothing back; one that can, does."""
    charge = Charge()
    charge.take(record(500))
    assert not charge.take(record(None, revision=2))
    assert charge.take(offer(RETRY, 300, revision=2))
    assert charge.total == 300


def test_another_reason_for_having_no_price_is_told() -> None:
    """Operators see what is missing now."""
    charge = Charge()
    charge.take(record(None))
    other = Offer(Outcome.UNRATED, "NO_PLAN", 0, RETRY, CALL, 1)
    assert charge.take(other)
    assert charge.total == 0


def test_rerating_settles_only_what_changes() -> None:
    """The same price under corrected terms is no revision."""
    charge = Charge()
    charge.take(record(500))
    assert not charge.take(offer(RERATING, 500))
    assert charge.take(offer(RERATING, 450))
    assert charge.total == 450


@pytest.mark.parametrize(("prevails", "total"), [(RECORD, 500), (SESSION, 480)])
@pytest.mark.parametrize("record_first", [True, False])
def test_the_profile_says_whether_session_end_or_record_has_the_last_word(
    prevails: InputKind, total: int, record_first: bool
) -> None:
    """In whatever order they come."""
    charge = Charge(prevails)
    inputs = [record(500), offer(SESSION, 480, call_id=None)]
    for each in inputs if record_first else reversed(inputs):
        charge.take(each)
    assert charge.total == total


def test_a_session_without_a_price_is_settled_by_the_record_even_if_it_does_not_prevail() -> None:
    """A price is better than none."""
    charge = Charge(SESSION)
    charge.take(offer(SESSION, None, call_id=None))
    assert charge.take(record(500))
    assert charge.total == 500


inputs = st.builds(
    offer,
    st.sampled_from([RECORD, SESSION, RETRY, RERATING]),
    st.one_of(st.none(), st.integers(0, 1_000)),
    st.integers(1, 4),
    st.sampled_from([CALL, COPY]),
)


@given(st.lists(inputs, max_size=20), st.sampled_from([RECORD, SESSION]))
def test_deltas_always_add_up_to_the_settled_amount(
    offers: list[Offer], prevails: InputKind
) -> None:
    """Revisions count from 1 without a gap, and repeating the last input changes nothing."""
    charge = Charge(prevails)
    for each in offers:
        charge.take(each)
        assert not charge.take(each)
    assert charge.total == (charge.state.amount_micros if charge.state else 0)
    assert [step.revision for step in charge.steps] == list(range(1, len(charge.steps) + 1))
