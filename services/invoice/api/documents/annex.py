"""The annex: every call of the invoice, in the groups of its lines, with a subtotal each."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from kernel.money import minor_unit_decimals
from services.invoice.api.documents import typeface as face
from services.invoice.api.documents.flow import LEFT, RIGHT, WIDTH, Block, space
from services.invoice.api.documents.formats import (
    amount_text,
    decimals_needed,
    duration_text,
    local_time_text,
    period_text,
)
from services.invoice.domain.document import InvoiceDocument
from services.invoice.domain.invoice import Invoice
from services.invoice.domain.usage import Charge, ChargeKind, in_line_order

# About 350 pages; who has more calls reads them with a program, not on paper.
ANNEX_CALLS_MAX = 20_000

ROW_HEIGHT = 4.1 * mm
BASE_LINE = 2.95 * mm
PADDING = 1.5 * mm
CALLER_LEFT = LEFT + 37 * mm
CALLEE_LEFT = LEFT + 73 * mm
DURATION_RIGHT = LEFT + 126 * mm
CHARGED_RIGHT = LEFT + 146 * mm
NUMBER_CHARACTERS_MAX = 22
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def annex_blocks(document: InvoiceDocument) -> Iterator[Block]:
    """The calls, from a new page on; nothing when there are none."""
    calls = in_line_order(each for each in document.charges if each.kind is ChargeKind.CALL)
    if not calls:
        return
    yield _title(document.invoice)
    if len(calls) > ANNEX_CALLS_MAX:
        yield _left_off(len(calls))
        return
    minor = minor_unit_decimals(document.invoice.amounts.usage.currency)
    table = _Table(document.invoice, decimals_needed((call.micros for call in calls), minor))
    for _, group in groupby(calls, key=attrgetter("line_key")):
        yield from table.group(list(group))


def _title(invoice: Invoice) -> Block:
    def draw(canvas: Canvas, top: float) -> None:
        period = period_text(invoice.span, ZoneInfo(invoice.time_zone))
        face.draw_left(canvas, LEFT, top - 5 * mm, f"Calls, {period}", face.HEADING)
        told = f"Times are local times of {invoice.time_zone}. Amounts are in {_currency(invoice)}."
        face.draw_left(canvas, LEFT, top - 10 * mm, told, face.LABEL)

    return Block(14 * mm, draw, starts_page=True)


def _left_off(count: int) -> Block:
    text = (
        f"This invoice is for {count:,} calls, more than can be read on paper. "
        "You find each of them in the file of calls (CSV) of this invoice."
    )
    lines = face.wrap(text, face.BODY, WIDTH)

    def draw(canvas: Canvas, top: float) -> None:
        face.draw_lines(canvas, LEFT, top - 4 * mm, lines, face.BODY)

    return Block(face.BODY.leading * len(lines) + 4 * mm, draw)


class _Table:
    """Draws the groups of one invoice."""

    def __init__(self, invoice: Invoice, decimals: int) -> None:
        self._zone = ZoneInfo(invoice.time_zone)
        self._decimals = decimals
        self._header = Block(6 * mm, _draw_header)

    def group(self, calls: Sequence[Charge]) -> Iterator[Block]:
        """The calls of one invoice line."""
        name = calls[0].usage_line + (" (correction)" if calls[0].correction else "")
        heading = _group_heading(name)
        yield Block(
            heading.height, heading.draw, (), room_below=self._header.height + 2 * ROW_HEIGHT
        )
        yield self._header
        above = (_group_heading(f"{name}, continued"), self._header)
        for place, call in enumerate(calls):
            yield self._row(call, above, is_striped=place % 2 == 1)
        yield self._subtotal(calls, above)
        yield space(4 * mm)

    def _row(self, call: Charge, above: tuple[Block, ...], is_striped: bool) -> Block:
        def draw(canvas: Canvas, top: float) -> None:
            if is_striped:
                canvas.setFillColor(face.STRIPE)
                canvas.rect(LEFT, top - ROW_HEIGHT, WIDTH, ROW_HEIGHT, stroke=0, fill=1)
            left = (
                (LEFT + PADDING, local_time_text(call.start_time, self._zone)),
                (CALLER_LEFT, _number(call.caller)),
                (CALLEE_LEFT, _number(call.callee)),
            )
            right = self._quantities(call.duration_ms, call.charged_duration_ms, call.micros)
            face.draw_row(canvas, top - BASE_LINE, left, right, face.SMALL)

        return Block(ROW_HEIGHT, draw, above)

    def _subtotal(self, calls: Sequence[Charge], above: tuple[Block, ...]) -> Block:
        sums = self._quantities(
            sum(call.duration_ms for call in calls),
            sum(call.charged_duration_ms for call in calls),
            sum(call.micros for call in calls),
        )
        words = f"{len(calls):,} calls" if len(calls) > 1 else "1 call"

        def draw(canvas: Canvas, top: float) -> None:
            canvas.setStrokeColor(face.ACCENT)
            canvas.setLineWidth(0.6)
            canvas.line(LEFT, top - 0.4 * mm, RIGHT, top - 0.4 * mm)
            y = top - BASE_LINE - 0.7 * mm
            face.draw_row(canvas, y, [(LEFT + PADDING, words)], sums, face.SMALL_STRONG)

        return Block(ROW_HEIGHT + 1 * mm, draw, above)

    def _quantities(self, duration: int, charged: int, micros: int) -> list[tuple[float, str]]:
        return [
            (DURATION_RIGHT, duration_text(duration)),
            (CHARGED_RIGHT, duration_text(charged)),
            (RIGHT - PADDING, amount_text(micros, self._decimals)),
        ]


def _group_heading(name: str) -> Block:
    lines = face.wrap(name, face.STRONG, WIDTH - 2 * PADDING)

    def draw(canvas: Canvas, top: float) -> None:
        face.draw_lines(canvas, LEFT + PADDING, top - 3.6 * mm, lines, face.STRONG)

    return Block(face.STRONG.leading * len(lines) + 1.6 * mm, draw)


def _draw_header(canvas: Canvas, top: float) -> None:
    canvas.setFillColor(face.ACCENT)
    canvas.rect(LEFT, top - 5.2 * mm, WIDTH, 5.2 * mm, stroke=0, fill=1)
    y, style = top - 3.6 * mm, face.HEADER
    face.draw_left(canvas, LEFT + PADDING, y, "Date and time", style)
    face.draw_left(canvas, CALLER_LEFT, y, "From", style)
    face.draw_left(canvas, CALLEE_LEFT, y, "To", style)
    face.draw_right(canvas, DURATION_RIGHT, y, "Duration", style)
    face.draw_right(canvas, CHARGED_RIGHT, y, "Charged", style)
    face.draw_right(canvas, RIGHT - PADDING, y, "Amount", style)


def _number(text: str) -> str:
    """A number or SIP user that fits its column."""
    if len(text) <= NUMBER_CHARACTERS_MAX:
        return text
    return text[: NUMBER_CHARACTERS_MAX - 1] + ELLIPSIS


def _currency(invoice: Invoice) -> str:
    return invoice.amounts.usage.currency
