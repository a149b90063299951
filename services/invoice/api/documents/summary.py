"""The first part of the invoice: who, to whom, for what, how much and by when."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from kernel.money import minor_unit_decimals
from services.invoice.api.documents import typeface as face
from services.invoice.api.documents.flow import LEFT, RIGHT, WIDTH, Block, space
from services.invoice.api.documents.formats import (
    amount_text,
    date_text,
    decimals_needed,
    duration_text,
    percent_text,
    period_text,
)
from services.invoice.domain.document import InvoiceDocument
from services.invoice.domain.invoice import InvoiceLine

LETTERHEAD_HEIGHT = 90 * mm
RECIPIENT_TOP = 33 * mm
FACTS_WIDTH = 74 * mm
FACTS_LEFT = RIGHT - FACTS_WIDTH
ROW_PADDING = 2.2 * mm
COUNT_RIGHT = LEFT + 112 * mm
TIME_RIGHT = LEFT + 138 * mm
NAME_WIDTH = 92 * mm
TOTALS_LEFT = LEFT + 92 * mm


def title_of(document: InvoiceDocument) -> str:
    """What the document is."""
    return "Credit note" if document.invoice.is_credit else "Invoice"


def total_text(document: InvoiceDocument) -> str:
    """The total with its currency: EUR 1,234.50."""
    total = document.invoice.amounts.total
    return f"{total.currency} {amount_text(total.micros, minor_unit_decimals(total.currency))}"


def summary_blocks(document: InvoiceDocument) -> Iterator[Block]:
    """The letterhead, the lines, the totals and how to pay."""
    yield Block(LETTERHEAD_HEIGHT, lambda canvas, top: _letterhead(canvas, top, document))
    yield from _line_blocks(document)
    yield space(4 * mm)
    yield _totals_block(document)
    yield space(8 * mm)
    yield _payment_block(document)


def _letterhead(canvas: Canvas, top: float, document: InvoiceDocument) -> None:
    _issuer(canvas, top, document)
    face.draw_right(canvas, RIGHT, top - 8 * mm, title_of(document), face.TITLE)
    _recipient(canvas, top - RECIPIENT_TOP, document)
    _facts(canvas, top - RECIPIENT_TOP + 4 * mm, document)


def _issuer(canvas: Canvas, top: float, document: InvoiceDocument) -> None:
    issuer = document.issuer
    y = top - 5 * mm
    y = face.draw_lines(
        canvas, LEFT, y, face.wrap(issuer.name, face.NAME, WIDTH - 60 * mm), face.NAME
    )
    face.draw_lines(canvas, LEFT, y + 1, list(issuer.address_lines), face.LABEL)


def _recipient(canvas: Canvas, top: float, document: InvoiceDocument) -> None:
    recipient = document.recipient
    width = WIDTH - FACTS_WIDTH - 8 * mm
    face.draw_left(canvas, LEFT, top, "To", face.LABEL)
    name = recipient.name or f"Customer {recipient.external_id}"
    y = top - 5 * mm
    y = face.draw_lines(canvas, LEFT, y, face.wrap(name, face.VALUE, width), face.VALUE)
    for line in recipient.address_lines:
        y = face.draw_lines(canvas, LEFT, y, face.wrap(line, face.BODY, width), face.BODY)


def _facts(canvas: Canvas, top: float, document: InvoiceDocument) -> None:
    facts = list(_fact_rows(document))
    step = 5.6 * mm
    height = step * len(facts) + 4 * mm
    canvas.setFillColor(face.PANEL)
    canvas.roundRect(FACTS_LEFT, top - height, FACTS_WIDTH, height, 2 * mm, stroke=0, fill=1)
    y = top - 6 * mm
    for label, value in facts:
        face.draw_left(canvas, FACTS_LEFT + 4 * mm, y, label, face.LABEL)
        face.draw_right(canvas, RIGHT - 4 * mm, y, value, face.VALUE)
        y -= step


def _fact_rows(document: InvoiceDocument) -> Iterator[tuple[str, str]]:
    invoice = document.invoice
    yield f"{title_of(document)} number", str(invoice.number)
    yield "Issued", date_text(invoice.issue_date)
    if not invoice.is_credit:
        yield "Due", date_text(invoice.due_date)
    yield "Period", period_text(invoice.span, ZoneInfo(invoice.time_zone))
    yield "Account", invoice.account_code
    yield "Customer", document.recipient.external_id
    if document.issuer.tax_number:
        yield "Our tax number", document.issuer.tax_number
    yield "Total", total_text(document)


def _line_blocks(document: InvoiceDocument) -> Iterator[Block]:
    currency = document.invoice.amounts.usage.currency
    header = Block(7 * mm, lambda canvas, top: _table_header(canvas, top, currency))
    yield Block(header.height, header.draw, room_below=14 * mm)
    decimals = _line_decimals(document)
    lines = document.invoice.lines
    for line in (each for each in lines if not each.correction):
        yield _line_block(line, decimals, header)
    corrections = [each for each in lines if each.correction]
    if corrections:
        yield Block(8 * mm, _corrections_heading, (header,), room_below=8 * mm)
    for line in corrections:
        yield _line_block(line, decimals, header)


def _table_header(canvas: Canvas, top: float, currency: str) -> None:
    canvas.setFillColor(face.ACCENT)
    canvas.rect(LEFT, top - 7 * mm, WIDTH, 7 * mm, stroke=0, fill=1)
    y = top - 4.7 * mm
    face.draw_left(canvas, LEFT + ROW_PADDING, y, "Description", face.HEADER)
    face.draw_right(canvas, COUNT_RIGHT, y, "Number", face.HEADER)
    face.draw_right(canvas, TIME_RIGHT, y, "Charged time", face.HEADER)
    face.draw_right(canvas, RIGHT - ROW_PADDING, y, f"Amount {currency}", face.HEADER)


def _corrections_heading(canvas: Canvas, top: float) -> None:
    text = "Corrections: calls of earlier periods that became known or changed later"
    face.draw_left(canvas, LEFT + ROW_PADDING, top - 5.4 * mm, text, face.SMALL_STRONG)


def _line_block(line: InvoiceLine, decimals: int, header: Block) -> Block:
    name = face.wrap(line.usage_line, face.BODY, NAME_WIDTH)
    height = face.BODY.leading * len(name) + 2 * mm

    def draw(canvas: Canvas, top: float) -> None:
        y = top - face.BODY.size - 0.8 * mm
        right = RIGHT - ROW_PADDING
        face.draw_lines(canvas, LEFT + ROW_PADDING, y, name, face.BODY)
        face.draw_right(canvas, COUNT_RIGHT, y, f"{line.charge_count:,}", face.BODY)
        if line.charged_duration_ms:
            time = duration_text(line.charged_duration_ms)
            face.draw_right(canvas, TIME_RIGHT, y, time, face.BODY)
        face.draw_right(canvas, right, y, amount_text(line.micros, decimals), face.BODY)
        canvas.setStrokeColor(face.RULE)
        canvas.setLineWidth(0.4)
        canvas.line(LEFT, top - height, RIGHT, top - height)

    return Block(height, draw, (header,))


def _line_decimals(document: InvoiceDocument) -> int:
    minor = minor_unit_decimals(document.invoice.amounts.usage.currency)
    return decimals_needed((line.micros for line in document.invoice.lines), minor)


def _total_rows(document: InvoiceDocument) -> Iterator[tuple[str, str]]:
    invoice, amounts = document.invoice, document.invoice.amounts
    decimals, minor = _line_decimals(document), minor_unit_decimals(amounts.usage.currency)
    if amounts.rounding_difference.micros:
        yield "Sum of charges", amount_text(amounts.usage.micros, decimals)
        yield "Rounding", amount_text(amounts.rounding_difference.micros, decimals)
    yield "Net amount", amount_text(amounts.net.micros, minor)
    rate = percent_text(invoice.tax_basis_points)
    named = invoice.tax_display_name
    label = named if rate.replace(" ", "") in named.replace(" ", "") else f"{named} ({rate})"
    yield label, amount_text(amounts.tax.micros, minor)


def _totals_block(document: InvoiceDocument) -> Block:
    rows = [(face.wrap(label, face.BODY, 52 * mm), value) for label, value in _total_rows(document)]
    step = face.BODY.leading + 1 * mm
    bar = 9.5 * mm
    height = sum(step + face.BODY.leading * (len(label) - 1) for label, _ in rows) + bar + 2 * mm

    def draw(canvas: Canvas, top: float) -> None:
        y = top - face.BODY.size
        for label, value in rows:
            face.draw_right(canvas, RIGHT - ROW_PADDING, y, value, face.BODY)
            y = face.draw_lines(canvas, TOTALS_LEFT + ROW_PADDING, y, label, face.BODY) - 1 * mm
        edge = top - height
        canvas.setFillColor(face.ACCENT)
        canvas.roundRect(TOTALS_LEFT, edge, RIGHT - TOTALS_LEFT, bar, 1 * mm, stroke=0, fill=1)
        y = edge + 3.2 * mm
        face.draw_left(canvas, TOTALS_LEFT + ROW_PADDING, y, "Total", face.TOTAL)
        face.draw_right(canvas, RIGHT - ROW_PADDING, y, total_text(document), face.TOTAL)

    return Block(height, draw)


def _payment_block(document: InvoiceDocument) -> Block:
    lines = face.wrap(_payment_text(document), face.BODY, WIDTH - 10 * mm)
    height = face.BODY.leading * len(lines) + 12 * mm

    def draw(canvas: Canvas, top: float) -> None:
        canvas.setFillColor(face.PANEL)
        canvas.roundRect(LEFT, top - height, WIDTH, height, 2 * mm, stroke=0, fill=1)
        face.draw_left(canvas, LEFT + 5 * mm, top - 6 * mm, _payment_title(document), face.STRONG)
        face.draw_lines(canvas, LEFT + 5 * mm, top - 11.5 * mm, lines, face.BODY)

    return Block(height, draw)


def _payment_title(document: InvoiceDocument) -> str:
    return "Nothing to pay" if document.invoice.amounts.total.micros <= 0 else "How to pay"


def _payment_text(document: InvoiceDocument) -> str:
    invoice = document.invoice
    if invoice.is_credit:
        owed = total_text(document).replace("\N{MINUS SIGN}", "")
        return f"This credit note lowers what account {invoice.account_code} owes by {owed}."
    if not invoice.amounts.total.micros:
        return "The amount of this invoice rounds to zero."
    return (
        f"Please pay {total_text(document)} to {document.issuer.name} so that it arrives by "
        f"{date_text(invoice.due_date)}, and state the number {invoice.number} with your payment."
    )
