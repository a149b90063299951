"""The documents that customers read."""

import csv
import io
import re

from pypdf import PdfReader

from services.invoice.api.documents.annex import ANNEX_CALLS_MAX
from services.invoice.api.documents.calls_csv import calls_csv
from services.invoice.api.documents.pdf import invoice_pdf
from services.invoice.domain.document import InvoiceDocument, Recipient
from tests.unit.invoice.builders import charge, document


def pages(shown: InvoiceDocument) -> list[str]:
    """The text of each page of the PDF."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(invoice_pdf(shown))).pages]


def test_the_invoice_says_who_what_how_much_and_by_when() -> None:
    """All that the payer needs is on the first page."""
    [first, *_] = pages(document([charge(micros=1_234_567_890)]))
    for words in (
        "Tollbook Telecom B.V.",
        "Ada Lovelace",
        "NL-2026-000042",
        "1 November 2026",
        "15 November 2026",
        "1 – 31 October 2026",
        "Netherlands – mobile",
        "1,234.56789",
        "1,234.57",
        "VAT 21 %",
        "EUR 1,493.83",
        "Please pay EUR 1,493.83",
    ):
        assert words in first, words


def test_the_annex_has_every_call_with_a_subtotal_for_each_line() -> None:
    """Local time, numbers, durations, amounts; the subtotal is the line of the first page."""
    text = "\n".join(pages(document([charge(n) for n in range(3)]))[1:])
    assert len(re.findall(r"2026-10-01 00:0\d:00", text)) == 3
    assert "3 calls" in text
    assert "0:06:00" in text
    assert "0.30" in text


def test_every_page_tells_its_place() -> None:
    """A page that was lost on the way is missed."""
    texts = pages(document([charge(n) for n in range(200)]))
    assert len(texts) == 5
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of 5" in text


def test_no_call_is_lost_between_pages() -> None:
    """A thousand calls in ten groups over twenty-odd pages."""
    calls = [charge(n, usage_line=f"Country {n % 10}") for n in range(1_000)]
    text = "\n".join(pages(document(calls)))
    shown = re.findall(r"2026-10-01 \d\d:\d\d:\d\d", text)
    assert len(shown) == len(set(shown)) == 1_000


def test_a_table_that_goes_on_repeats_its_heading() -> None:
    """Nobody turns back to see what the columns mean."""
    texts = pages(document([charge(n) for n in range(100)]))
    assert "Netherlands – mobile, continued" in texts[2]
    assert "Date and time" in texts[2]


def test_the_repeated_hour_of_autumn_is_shown_in_local_time() -> None:
    """The CSV tells the two apart by their offset; both are half past two."""
    minutes_to_half_past_two = 24 * (24 * 60) + 2 * 60 + 30
    calls = [charge(minutes_to_half_past_two), charge(minutes_to_half_past_two + 60)]
    rows = list(csv.DictReader(io.StringIO(calls_csv(document(calls)).decode())))
    assert [row["start_time"] for row in rows] == [
        "2026-10-25T02:30:00.000+02:00",
        "2026-10-25T02:30:00.000+01:00",
    ]


def test_the_same_invoice_has_the_same_bytes() -> None:
    """Also when another was made in between."""
    shown = document([charge(n) for n in range(100)])
    first = invoice_pdf(shown)
    invoice_pdf(document([charge(usage_line="Ελλάδα – κινητά")]))
    assert invoice_pdf(shown) == first


def test_names_of_other_scripts_and_of_any_length_are_printed() -> None:
    """Greek and Cyrillic are in the typeface; a word without blanks is broken."""
    names = ["Ελλάδα – κινητά", "Россия – Москва", "w" * 300]
    text = "\n".join(pages(document([charge(n, usage_line=name) for n, name in enumerate(names)])))
    assert "Ελλάδα" in text
    assert "Россия" in text
    assert text.count("w") >= 600


def test_a_credit_note_is_called_so_and_asks_for_nothing() -> None:
    """Its amounts are negative, its advice is not to pay."""
    [first, *_] = pages(document([charge(micros=-10_000_000)]))
    assert "Credit note" in first
    assert "\N{MINUS SIGN}12.10" in first
    assert "Please pay" not in first


def test_a_customer_erased_before_the_issue_is_named_by_its_id() -> None:
    """There is no name to print any more."""
    [first, *_] = pages(document([charge()], recipient=Recipient("CRM-1", "", ())))
    assert "Customer CRM-1" in first


def test_more_calls_than_can_be_read_on_paper_are_left_to_the_file() -> None:
    """The annex says where they are."""
    text = "\n".join(pages(document([charge(n) for n in range(ANNEX_CALLS_MAX + 1)])))
    assert "20,001 calls" in text
    assert "CSV" in text


def test_a_yen_invoice_has_no_decimals() -> None:
    """Unless a single charge has some."""
    [first, *_] = pages(document([charge(micros=1_234_000_000)], currency="JPY"))
    assert "JPY 1,493" in first
    assert "1,234.0" not in first


def test_a_caller_cannot_smuggle_a_formula_into_the_file() -> None:
    """Whoever opens the CSV in a spreadsheet sees a text."""
    shown = document([charge(caller="=HYPERLINK(1)", micros=-500_000)])
    [row] = csv.DictReader(io.StringIO(calls_csv(shown).decode()))
    assert row["caller"] == "'=HYPERLINK(1)"
    assert row["amount"] == "-0.500000"
