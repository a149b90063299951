"""The typeface of documents: DejaVu Sans Condensed, for Latin, Greek, Cyrillic and more."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

REGULAR = "DejaVuSansCondensed"
BOLD = "DejaVuSansCondensed-Bold"

INK = HexColor("#1d2733")
FAINT_INK = HexColor("#66727f")
ACCENT = HexColor("#0f5e6e")
RULE = HexColor("#cfd6dc")
PANEL = HexColor("#f1f5f6")
STRIPE = HexColor("#f7f9fa")
WHITE = HexColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Style:
    """How a piece of text looks."""

    size: float
    font: str = REGULAR
    color: Color = INK

    @property
    def leading(self) -> float:
        """The distance from one line to the next."""
        return self.size * 1.36


TITLE = Style(24, BOLD, ACCENT)
NAME = Style(13, BOLD, ACCENT)
HEADING = Style(12, BOLD, ACCENT)
BODY = Style(9)
STRONG = Style(9, BOLD)
TOTAL = Style(12, BOLD, WHITE)
LABEL = Style(8, REGULAR, FAINT_INK)
VALUE = Style(9, BOLD)
HEADER = Style(8, BOLD, WHITE)
SMALL = Style(7.5)
SMALL_STRONG = Style(7.5, BOLD)
FOOTER = Style(7.5, REGULAR, FAINT_INK)


@cache
def prepare() -> None:
    """Make the fonts known, once a process."""
    # Binary streams are a fifth smaller and quicker to make than text.
    rl_config.useA85 = 0
    for name in (REGULAR, BOLD):
        file = resources.files(__package__) / "fonts" / f"{name}.ttf"
        with resources.as_file(file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))


def draw_left(canvas: Canvas, x: float, y: float, text: str, style: Style) -> None:
    """Write a text from `x` on; `y` is its base line."""
    _use(canvas, style)
    canvas.drawString(x, y, text)


def draw_right(canvas: Canvas, x: float, y: float, text: str, style: Style) -> None:
    """Write a text up to `x`."""
    _use(canvas, style)
    canvas.drawRightString(x, y, text)


def draw_row(
    canvas: Canvas,
    y: float,
    left: Iterable[tuple[float, str]],
    right: Iterable[tuple[float, str]],
    style: Style,
) -> None:
    """Write texts from and up to their places on one base line, for tables of many rows."""
    text = canvas.beginText()
    text.setFont(style.font, style.size)
    text.setFillColor(style.color)
    for x, content in left:
        text.setTextOrigin(x, y)
        text.textOut(content)
    for x, content in right:
        text.setTextOrigin(x - pdfmetrics.stringWidth(content, style.font, style.size), y)
        text.textOut(content)
    canvas.drawText(text)


def draw_lines(canvas: Canvas, x: float, y: float, lines: list[str], style: Style) -> float:
    """Write lines below each other and return the base line that would follow."""
    for line in lines:
        draw_left(canvas, x, y, line, style)
        y -= style.leading
    return y


def wrap(text: str, style: Style, width: float) -> list[str]:
    """A text in lines that fit a width; a word that doesn't fit is broken."""
    lines = []
    for line in simpleSplit(text, style.font, style.size, width) or [""]:
        lines += _broken(line, style, width)
    return lines


def _broken(line: str, style: Style, width: float) -> list[str]:
    parts = [""]
    for character in line:
        if pdfmetrics.stringWidth(parts[-1] + character, style.font, style.size) > width:
            parts.append("")
        parts[-1] += character
    return parts


def _use(canvas: Canvas, style: Style) -> None:
    canvas.setFont(style.font, style.size)
    canvas.setFillColor(style.color)
