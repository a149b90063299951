"""Files of suppliers, calendars and account decks: what is wrong in one is told at once."""

from pathlib import Path

import pytest
import typer
from google.type.date_pb2 import Date
from typer.testing import CliRunner

from cli.calendars import read_dates
from cli.main import app
from cli.tariff_codes import Codes, put_plan_ids
from kernel.errors import DomainError
from tollbook.rating.v1.plan_pb2 import PlanRevision, ResoldPlan

PLANS = Codes("plan", {"basic": "plan-1"})


def test_the_dates_of_a_calendar_are_read_in_their_order(tmp_path: Path) -> None:
    """Other columns are for people."""
    file = tmp_path / "days.csv"
    file.write_text("name,date\nKerst,2026-12-25\nPasen,2026-04-06\n")
    assert read_dates(file) == [
        Date(year=2026, month=12, day=25),
        Date(year=2026, month=4, day=6),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("day\n2026-04-06\n", "no column date"),
        ("", "no column date"),
        ("date\n2026-04-06\n06/04/2026\n", "line 3: '06/04/2026' is no date"),
        ("date\n2026-02-30\n", "line 2: '2026-02-30' is no date"),
        ("date,name\n,Pasen\n", "line 2: '' is no date"),
    ],
)
def test_a_calendar_without_a_date_on_each_line_is_refused(
    tmp_path: Path, content: str, told: str
) -> None:
    """With the line and what stands there; nothing is guessed."""
    file = tmp_path / "days.csv"
    file.write_text(content)
    with pytest.raises(typer.BadParameter) as refused:
        read_dates(file)
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("command", "content", "told"),
    [
        (["set-supplier"], '{"displayName": "North"}', "no code"),
        (["set-supplier"], '{"qualty": 5}', "qualty"),
        (["set-account-decks", "--account", "A-1001"], '{"decks": []}', "decks"),
    ],
)
def test_a_file_that_is_not_what_the_command_sets_is_refused(
    tmp_path: Path, command: list[str], content: str, told: str
) -> None:
    """A misspelt field would otherwise be left out silently."""
    file = tmp_path / "file.json"
    file.write_text(content)
    result = CliRunner().invoke(app, [*command, str(file), "--tenant", "aurora"])
    assert result.exit_code == 2
    assert told in result.output


def test_a_refund_names_who_else_may_get_something_back() -> None:
    """Before anybody is asked."""
    result = CliRunner().invoke(app, ["refund", "00", "--tenant", "aurora", "--with", "carrier"])
    assert result.exit_code == 2
    assert "supplier" in result.output


def test_a_resold_plan_is_named_by_its_code() -> None:
    """Or by its id; one that there is not is told with its place."""
    terms = PlanRevision(resold_plans=[ResoldPlan(plan_id="basic"), ResoldPlan(plan_id="plan-1")])
    put_plan_ids(terms, "latestRevision", PLANS)
    assert [each.plan_id for each in terms.resold_plans] == ["plan-1", "plan-1"]
    terms.resold_plans.add(plan_id="gold")
    with pytest.raises(DomainError) as refused:
        put_plan_ids(terms, "latestRevision", PLANS)
    assert refused.value.reason == "PLAN_NOT_FOUND"
    assert "latestRevision.resoldPlans[2].planId" in refused.value.message
