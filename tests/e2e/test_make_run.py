"""`make run` as a newcomer meets it: what it prints, what the commands then show, how it ends."""

import csv
import os
import re
import shlex
import signal
import tempfile
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.local.installation import PORT_BASE_VARIABLE, SERVICES
from deploy.local.ports import free_port
from tests.e2e.newcomer import END_SECONDS_MAX, Run, is_running

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc"),
]

GUIDES = Path(__file__).parents[2] / "docs/guides"
GUIDE = GUIDES / "plan.md"

RECORDS = re.compile(
    r"([\d,]+) received = ([\d,]+) accepted \+ ([\d,]+) duplicate \+ ([\d,]+) in suspense"
)


@pytest.fixture(scope="module")
def first_run() -> Iterator[Run]:
    """A first start, with nothing there before."""
    with tempfile.TemporaryDirectory(prefix="tollbook-", ignore_cleanup_errors=True) as folder:
        run = Run("first", Path(folder) / "data", free_port())
        yield from _ready_then_ended(run)


@pytest.fixture(scope="module")
def second_run(first_run: Run) -> Iterator[Run]:
    """Another start in the same folder, after Ctrl-C."""
    first_run.interrupt()
    run = Run("second", first_run.folder, int(first_run.environment[PORT_BASE_VARIABLE]))
    yield from _ready_then_ended(run)


def _ready_then_ended(run: Run) -> Iterator[Run]:
    try:
        run.wait_ready()
        yield run
    finally:
        run.interrupt()


def test_every_record_of_the_sample_has_ended(first_run: Run) -> None:
    """Of 2,954 records none is lost, and each of those in suspense has a reason."""
    figures = RECORDS.fullmatch(first_run.told("Records"))
    assert figures is not None
    received, *ended = map(number, figures.groups())
    assert received == sum(ended) == 2_954
    reasons = re.findall(r"(\d+) [A-Z_]+", first_run.told("Suspense reasons"))
    assert sum(map(int, reasons)) == ended[-1]


def test_every_accepted_call_has_a_price_or_a_reason(first_run: Run) -> None:
    """Rated, at nothing, or without a rate: together they are the accepted calls."""
    records = RECORDS.fullmatch(first_run.told("Records"))
    assert records is not None
    prices = re.findall(r"([\d,]+) (?:rated|at nothing|without)", first_run.told("Calls"))
    assert len(prices) == 3
    assert sum(map(number, prices)) == number(records[2])


def test_one_fraud_alert_blocks_and_a_deck_in_other_money_is_refused(first_run: Run) -> None:
    """A hacked telephone is found out; the refusals name their reasons."""
    assert "dearer than 2 EUR a minute" in first_run.told("Fraud alert")
    assert first_run.told("Blocked, unblocked").startswith("ACCOUNT_BLOCKED")
    assert first_run.told("Refused on purpose").startswith("NO_EXCHANGE_RATE")


def test_calls_at_once_hold_no_more_than_the_wallet_has(first_run: Run) -> None:
    """Of thirty calls some are granted, the rest lack funds; what they cost is all that is gone."""
    asked = re.fullmatch(
        r"([\d.]+) GBP of B-2005: (\d+) INSUFFICIENT_FUNDS, (\d+) granted",
        first_run.told("Calls at once"),
    )
    paid = re.fullmatch(
        r"([\d.]+) GBP; ([\d.]+) GBP left, nothing held", first_run.told("Calls paid")
    )
    assert asked is not None
    assert paid is not None
    assert int(asked[2]) + int(asked[3]) == 30
    assert 0 < int(asked[3]) < 30
    assert Decimal(asked[1]) - Decimal(paid[1]) == Decimal(paid[2]) > 0


def test_a_wallet_tops_itself_up_from_a_card(first_run: Run) -> None:
    """Its policy takes the amount as soon as it is laid down, because the wallet is low."""
    assert first_run.told("Topped up by itself") == "A-1007, with 20 EUR of Visa 4242"
    assert re.search(r"20\.00 EUR.* succeeded ", collections_of_a_wallet(first_run))


def test_money_is_taken_by_the_commands_of_the_guide(first_run: Run) -> None:
    """As they stand there, one after the other; a card that is declined fails its command."""
    commands = re.findall(
        r"^    tollbook (.*)$", (GUIDES / "gateways.md").read_text(), re.MULTILINE
    )
    assert len(commands) == 4
    for command in commands:
        first_run.tollbook(*shlex.split(command))
    assert len(re.findall(r" succeeded ", collections_of_a_wallet(first_run))) == 2
    wallet = ("--tenant", "aurora", "--account", "A-1007")
    declined = ("--customer", "cus_anna", "--method", "pm_card_chargeDeclinedExpiredCard")
    first_run.tollbook("attach-instrument", *wallet, *declined)
    refused = first_run.ask("top-up", *wallet, "--amount", "20")
    assert refused.returncode == 1
    assert "expired_card" in refused.stdout + refused.stderr


def collections_of_a_wallet(run: Run) -> str:
    """What was asked of its card, as it is listed."""
    return run.tollbook("collections", "--tenant", "aurora", "--account", "A-1007")


def test_every_invoice_is_a_pdf_in_its_tenants_folder(first_run: Run) -> None:
    """As many as were issued; those shown can be opened by the path that is printed."""
    issued = int(first_run.told("Invoices").split()[0])
    files = list((first_run.folder / "invoices").glob("*/*.pdf"))
    assert issued == len(files) > 0
    assert all(file.read_bytes().startswith(b"%PDF") for file in files)
    shown = re.findall(r"\S+\.pdf", first_run.printed)
    assert shown
    assert {Path(path) for path in shown} <= set(files)


def test_reconcile_finds_nothing(first_run: Run) -> None:
    """Nothing is missing, nothing is doubled, nothing is on its way."""
    answer = first_run.tollbook("reconcile", "--complete")
    assert "Reconciled" in answer
    assert "✗" not in answer


def test_bill_shows_an_invoice_and_saves_its_documents(first_run: Run, tmp_path: Path) -> None:
    """The calls in the CSV add up to the invoice's lines, and those to its net amount."""
    pdf, calls = tmp_path / "bill.pdf", tmp_path / "calls.csv"
    shown = first_run.tollbook(
        *("bill", "--tenant", "aurora", "--account", "A-1002"),
        *("--pdf", str(pdf), "--csv", str(calls)),
    )
    assert pdf.read_bytes().startswith(b"%PDF")
    with calls.open(newline="") as file:
        charged = sum(Decimal(row["amount"] or 0) for row in csv.DictReader(file))
    assert charged + amount(shown, "Rounding") == amount(shown, "Net")
    assert amount(shown, "Net") + amount(shown, "VAT 21 %") == amount(shown, "Total")
    printed = re.search(r"aurora A-1002 +([\d.]+) EUR", first_run.printed)
    assert printed is not None
    assert Decimal(printed[1]) == amount(shown, "Total")


def test_price_explains_what_a_call_would_cost(first_run: Run) -> None:
    """In a month without calls yet, the included hour pays for a minute at home."""
    shown = first_run.tollbook(
        *("price", "--tenant", "aurora", "--account", "A-1002", "--callee", "+31201234567"),
        *("--start", "2026-06-02T19:00:00", "--duration", "60"),
    )
    assert "0.00 EUR" in shown
    assert "The bundle 'hour-at-home' pays for 60 s; 3540 are left in it." in shown


def test_a_plan_is_published_from_a_file(first_run: Run, tmp_path: Path) -> None:
    """Checked, then created with its terms; its next terms are its second revision."""
    plan, later = tmp_path / "plan.json", tmp_path / "later.json"
    plan.write_text(
        """{"code": "night", "displayName": "Night", "currencyCode": "EUR", "latestRevision":
            {"effectiveTime": "2026-03-01T00:00:00Z", "rateDeckIds": ["retail-eur"]}}"""
    )
    later.write_text(plan.read_text().replace("2026-03", "2026-04"))
    command = ("publish-plan", "--tenant", "aurora")
    checked = first_run.tollbook(*command, str(plan), "--validate-only")
    assert re.search(r"Would create +night, 'Night', in EUR", checked)
    published = first_run.tollbook(*command, str(plan))
    assert re.search(r"Published +revision 1 of night, in force from 2026-03-01", published)
    assert re.search(r"Published +revision 2 of night", first_run.tollbook(*command, str(later)))


def test_exchange_rates_are_added_or_refused_line_by_line(first_run: Run, tmp_path: Path) -> None:
    """Those of the guide, once and again; one that is no number is named, and fails the command."""
    rates = tmp_path / "rates.csv"
    [example] = re.findall(r"```csv\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    rates.write_text(textwrap.dedent(example))
    command = ("add-exchange-rates", str(rates), "--tenant", "aurora")
    for _ in range(2):
        assert re.search(r"Exchange rates +2 added, 0 refused", first_run.tollbook(*command))
    rates.write_text(rates.read_text().replace("0.92", "much"))
    refused = first_run.ask(*command)
    assert refused.returncode == 1
    assert "INVALID_EXCHANGE_RATE" in refused.stdout


def test_a_tariff_is_completed_by_commands(first_run: Run, tmp_path: Path) -> None:
    """Holidays, a supplier and its next revision, decks of one account, the currency of margins."""
    days, supplier, decks = (tmp_path / name for name in ("days.csv", "north.json", "decks.json"))
    days.write_text("date\n2026-04-06\n2026-12-25\n")
    supplier.write_text(
        """{"code": "north", "displayName": "North", "rateDeckIds": ["retail-eur"],
            "quality": 80, "weight": 100, "trunks": ["gw-north"]}"""
    )
    decks.write_text('{"overrides": [{"rateDeckId": "retail-eur"}]}')
    tenant = ("--tenant", "aurora")
    calendar = first_run.tollbook(
        "set-calendar", str(days), *tenant, "--code", "nl", "--name", "NL"
    )
    assert re.search(r"Calendar +revision 1 of nl, 2 dates", calendar)
    for _ in range(2):
        shown = first_run.tollbook("set-supplier", str(supplier), *tenant)
        assert re.search(r"Supplier +revision 1 of north, in EUR", shown)
    supplier.write_text(supplier.read_text().replace("80", "70"))
    first_run.tollbook("set-supplier", str(supplier), *tenant)
    assert re.search(r"north +EUR +70 ", first_run.tollbook("suppliers", *tenant))
    assert "EUR" in first_run.tollbook("base-currency", "EUR", *tenant)
    command = ("set-account-decks", *tenant, "--account", "A-1001")
    assert re.search(r"Decks +1 before", first_run.tollbook(*command, str(decks)))
    decks.write_text("{}")
    assert re.search(r"Decks +0 before", first_run.tollbook(*command, str(decks)))


def test_no_service_has_given_up_on_an_event(first_run: Run) -> None:
    """There are no dead letters after a first start."""
    assert re.search(r"Dead letters +none", first_run.tollbook("dead-letters", "list"))


def test_replayed_events_double_nothing(first_run: Run) -> None:
    """Every event of cdr once more: the ledger has the entries that it had, under the same root."""
    before = first_run.tollbook("reconcile", "--complete")
    assert re.search(r"Published again +[1-9]", first_run.tollbook("replay", "cdr"))
    assert first_run.tollbook("reconcile", "--complete") == before


def test_ctrl_c_ends_every_process(first_run: Run) -> None:
    """The run ends well, says where the data is, and leaves no process behind."""
    assert set(first_run.services) == {"nats", "gateway", *SERVICES}
    assert first_run.interrupt() == 0
    assert first_run.told("Stopped") == f"the data is in {first_run.folder}"
    assert not [name for name, pid in first_run.services.items() if is_running(pid)]


def test_a_second_start_finds_its_data_and_loads_nothing_twice(
    first_run: Run, second_run: Run
) -> None:
    """It tells how many invoices there are and imports no record again."""
    issued = first_run.told("Invoices").split()[0]
    assert second_run.told("Data") == f"found the former start's: 2 tenants, {issued} invoices"
    assert "✓ Records" not in second_run.printed
    assert "Reconciled" in second_run.tollbook("reconcile", "--complete")


def test_a_service_that_is_killed_is_named_and_ends_the_run(second_run: Run) -> None:
    """Nobody is left with half a suite: the others are stopped and the status tells."""
    os.kill(second_run.services["payment"], signal.SIGKILL)
    assert second_run.process.wait(END_SECONDS_MAX) == 1
    assert "tollbook: payment ended with -9" in second_run.printed
    assert not [name for name, pid in second_run.services.items() if is_running(pid)]


def number(figure: str) -> int:
    """A printed count."""
    return int(figure.replace(",", ""))


def amount(shown: str, topic: str) -> Decimal:
    """The amount beside a topic of a bill."""
    found = re.search(rf"^ *{re.escape(topic)} +(-?[\d,.]+) [A-Z]{{3}} *$", shown, re.MULTILINE)
    assert found is not None, shown
    return Decimal(found[1].replace(",", ""))
