"""A call is priced by the terms in force when it starts."""

from datetime import UTC, datetime

import pytest

from kernel.clock import to_micros
from services.rating.domain.account import Subscription, plan_in_force
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff, Timeline
from services.rating.domain.usage import Service
from tests.unit.rating.calls import call
from tests.unit.rating.terms import BEGINNING, PLAN, revision

FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4))
MICROSECOND = 1


def test_a_value_is_in_force_from_its_first_microsecond_until_the_next_one() -> None:
    """Half-open, like every period."""
    timeline = Timeline([(MARCH, "new"), (FEBRUARY, "old")])
    march = to_micros(MARCH)
    assert timeline.at(to_micros(FEBRUARY) - MICROSECOND) is None
    assert timeline.at(march - MICROSECOND) == "old"
    assert timeline.at(march) == "new"


@pytest.mark.parametrize(
    ("instant", "revision_id", "versions"),
    [
        (BEGINNING, "one", ()),
        (FEBRUARY, "one", ("deck-1",)),
        (MARCH, "two", ("deck-1", "other-1")),
        (APRIL, "two", ("deck-2", "other-1")),
    ],
)
def test_revisions_and_deck_versions_take_force_each_at_its_time(
    instant: datetime, revision_id: str, versions: tuple[str, ...]
) -> None:
    """A deck without a version in force is left out; decks keep the order of the plan."""
    tariff = Tariff(
        [PLAN],
        [
            revision(plan_revision_id="one"),
            revision(
                plan_revision_id="two",
                revision=2,
                effective_time=MARCH,
                rate_deck_ids=("deck", "other"),
            ),
        ],
        [
            DeckVersion("deck-1", "deck", FEBRUARY, Service.VOICE, "EUR"),
            DeckVersion("deck-2", "deck", APRIL, Service.VOICE, "EUR"),
            DeckVersion("other-1", "other", FEBRUARY, Service.VOICE, "EUR"),
        ],
    )
    terms = tariff.terms_at(PLAN.plan_id, to_micros(instant))
    assert terms is not None
    asked = tuple(each.rate_deck_version_id for each in terms.chain(call(60).facts, ""))
    assert (terms.revision.plan_revision_id, asked) == (revision_id, versions)


def test_a_plan_without_terms_prices_nothing() -> None:
    """Nor does one that nobody created."""
    tariff = Tariff([PLAN], [], [])
    assert tariff.terms_at(PLAN.plan_id, to_micros(APRIL)) is None
    assert tariff.terms_at("unknown", to_micros(APRIL)) is None


@pytest.mark.parametrize(
    ("instant", "plan_id"),
    [(BEGINNING, None), (FEBRUARY, "old"), (MARCH, "new"), (APRIL, "old")],
)
def test_of_several_subscriptions_the_one_that_began_last_counts(
    instant: datetime, plan_id: str | None
) -> None:
    """A subscription covers its start and not its end."""
    subscriptions = [
        Subscription("old", to_micros(FEBRUARY), None),
        Subscription("new", to_micros(MARCH), to_micros(APRIL)),
    ]
    assert plan_in_force(subscriptions, to_micros(instant)) == plan_id
