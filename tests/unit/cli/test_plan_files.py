"""A plan's file: what is wrong in it is told with its path, before anything is published."""

from pathlib import Path

import pytest
import typer

from cli.json_files import read_message
from cli.plans import publish_plan
from cli.tariff_codes import Codes, put_ids
from kernel.errors import DomainError
from tollbook.rating.v1.plan_pb2 import DeckChoice, Plan, PlanRevision, TimeBand

DECKS = Codes("rate deck", {"retail": "deck-1", "night": "deck-2"})
CALENDARS = Codes("calendar", {"nl": "calendar-1"})


def refusal_of(file: Path, content: bytes) -> str:
    """Why a file is no plan."""
    file.write_bytes(content)
    with pytest.raises(typer.BadParameter) as refused:
        read_message(file, Plan())
    return refused.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '{"latestRevision": {"timeBands": [{"weekday": []}]}}',
            "latestRevision.timeBands[0]: Message type",
        ),
        (
            '{"latestRevision": {"timeBands": [{"weekdays": ["FUNDAY"]}]}}',
            "latestRevision.timeBands[0].weekdays[0]: Invalid enum value FUNDAY",
        ),
        ('{"latestRevision": {"priceDecimals": "x"}}', "latestRevision.priceDecimals: invalid"),
        ('{"latestRevision": {"effectiveTime": "now"}}', "latestRevision.effectiveTime: Failed"),
        ('{"code": 3}', "code: expected string"),
        ('{"code": "a", "code": "b"}', "duplicate key code"),
        ('{"cod": ""}', 'has no field named "cod"'),
        ("{", "line 1 column 2"),
        ("5", "Failed to parse JSON"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_file_that_is_no_plan_says_where(tmp_path: Path, content: str, told: str) -> None:
    """The path of what is wrong, then what it is."""
    refusal = refusal_of(tmp_path / "plan.json", content.encode())
    assert "plan.json is no Plan: " in refusal
    assert told in refusal
    assert "Failed to parse latestRevision" not in refusal


def test_a_file_in_another_encoding_says_at_which_byte(tmp_path: Path) -> None:
    """Nothing is guessed."""
    refusal = refusal_of(tmp_path / "plan.json", b'{"displayName": "\xe9"}')
    assert "byte 17 is no UTF-8" in refusal


@pytest.mark.parametrize(
    ("content", "missing"),
    [("{}", "no code"), ('{"code": "night"}', "no latestRevision"), ("[]", "no code")],
)
def test_a_plan_without_code_or_terms_is_not_published(
    tmp_path: Path, content: str, missing: str
) -> None:
    """Nobody is asked about it."""
    file = tmp_path / "plan.json"
    file.write_text(content)
    with pytest.raises(typer.BadParameter, match=missing):
        publish_plan(None, file, "aurora")  # type: ignore[arg-type]


def test_codes_of_decks_and_calendars_become_ids() -> None:
    """Wherever terms name them; an id stays itself."""
    terms = PlanRevision(
        rate_deck_ids=["night", "deck-1"],
        deck_choices=[DeckChoice(rate_deck_ids=["retail"])],
        time_bands=[TimeBand(calendar_id="nl"), TimeBand(not_on_holidays_of="nl"), TimeBand()],
    )
    put_ids(terms, "terms", DECKS, CALENDARS)
    assert terms == PlanRevision(
        rate_deck_ids=["deck-2", "deck-1"],
        deck_choices=[DeckChoice(rate_deck_ids=["deck-1"])],
        time_bands=[
            TimeBand(calendar_id="calendar-1"),
            TimeBand(not_on_holidays_of="calendar-1"),
            TimeBand(),
        ],
    )


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (
            PlanRevision(rate_deck_ids=["retail", "nigth"]),
            "terms.rateDeckIds[1]: there is no rate deck 'nigth'; there are night, retail",
        ),
        (
            PlanRevision(deck_choices=[DeckChoice(rate_deck_ids=["x"])]),
            "terms.deckChoices[0].rateDeckIds[0]: there is no rate deck 'x'; there are ",
        ),
        (
            PlanRevision(time_bands=[TimeBand(), TimeBand(not_on_holidays_of="de")]),
            "terms.timeBands[1].notOnHolidaysOf: there is no calendar 'de'; there are nl",
        ),
    ],
)
def test_a_code_of_nothing_is_refused_with_those_there_are(terms: PlanRevision, told: str) -> None:
    """At its place in the file."""
    with pytest.raises(DomainError) as refused:
        put_ids(terms, "terms", DECKS, CALENDARS)
    assert refused.value.message.startswith(told)
    assert refused.value.reason.endswith("_NOT_FOUND")
