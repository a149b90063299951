"""The command line finds its suite, and refuses what makes no sense before it asks anybody."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.connection import connection_from
from cli.main import app
from cli.options import amount_in
from kernel.money import Money


def test_a_local_suite_is_found_without_any_option(tmp_path: Path) -> None:
    """The ports and the operator's token of `tollbook run`."""
    connection = connection_from(tmp_path, None, {})
    assert connection.settings.address_of("rating") == "127.0.0.1:7102"
    assert connection.settings.service_token_file == tmp_path / "authority" / "operator.token"


def test_the_environment_names_services_elsewhere(tmp_path: Path) -> None:
    """One by one, or all at once as in a cluster; a service's own token is not the operator's."""
    environment = {"RATING_ADDRESS": "rating:1", "SERVICE_TOKEN_FILE": "rating.token"}
    connection = connection_from(tmp_path, Path("my.token"), environment)
    assert connection.settings.address_of("rating") == "rating:1"
    assert connection.settings.address_of("cdr") == "127.0.0.1:7101"
    assert connection.settings.service_token_file == Path("my.token")
    cluster = connection_from(tmp_path, None, {"NEIGHBOUR_ADDRESSES": "dns:///{service}:50051"})
    assert cluster.settings.address_of("cdr") == "dns:///cdr:50051"


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "billing"],
        ["migrate", "billing"],
        ["replay", "billing"],
        ["dead-letters", "list", "--service", "billing"],
        ["dead-letters", "replay", "--service", "billing"],
    ],
)
def test_an_unknown_service_is_refused_with_those_there_are(command: list[str]) -> None:
    """The answer tells what could have been meant."""
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "payment" in result.output


def test_a_mapping_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    """A misspelt column would otherwise silently be left out of every row."""
    mapping, rates = tmp_path / "mapping.json", tmp_path / "rates.csv"
    mapping.write_text('{"prefix_colum": "code"}')
    rates.write_text("code,price\n31,0.1\n")
    command = ["import-deck", str(rates), "--tenant", "aurora", "--code", "retail"]
    result = CliRunner().invoke(app, [*command, "--currency", "EUR", "--mapping", str(mapping)])
    assert result.exit_code == 2
    assert "prefix_colum" in result.output


@pytest.mark.parametrize("duration", ["a minute", "", "NaN", "1e400", "Infinity"])
def test_a_duration_that_is_no_number_of_seconds_is_refused(duration: str) -> None:
    """Before anybody is asked for a price."""
    command = ["price", "--tenant", "aurora", "--account", "A-1001", "--callee", "+31201234567"]
    result = CliRunner().invoke(app, [*command, "--duration", duration])
    assert result.exit_code == 2
    assert "no number of seconds" in result.output


def test_a_plan_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    """As a file that is not there would be."""
    command = ["publish-plan", str(tmp_path), "--tenant", "aurora"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "directory" in result.output


def test_an_order_by_weight_needs_the_call_that_it_is_for() -> None:
    """Calls are shared out by their keys."""
    command = ["route", "--tenant", "aurora", "--callee", "+31201234567", "--order", "weight"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "--call-id" in result.output


@pytest.mark.parametrize("text", ["twenty", "", "-1", "1.0000001", "NaN", "1e3", "1,50", "9" * 13])
def test_an_amount_that_is_none_is_refused(text: str) -> None:
    """Nothing is rounded, and nothing guessed."""
    with pytest.raises(typer.BadParameter, match="no amount of EUR"):
        amount_in("EUR", text)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("20", 20_000_000),
        ("19.95", 19_950_000),
        ("0.000001", 1),
        ("9" * 12, 999_999_999_999 * 10**6),
    ],
)
def test_an_amount_is_taken_exactly(text: str, micros: int) -> None:
    """To its last decimal, however large."""
    assert amount_in("EUR", text) == Money("EUR", micros)


def test_a_limit_of_another_span_is_refused() -> None:
    """Before anybody is asked."""
    command = ["set-top-up", "--tenant", "aurora", "--account", "A-1", "--amount", "20"]
    result = CliRunner().invoke(app, [*command, "--limit", "week=50"])
    assert result.exit_code == 2
    assert "week=50" in result.output
