"""Blocks that flow over pages: what does not fit goes to the next page, under repeated headings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

PAGE_WIDTH, PAGE_HEIGHT = A4
LEFT = 20 * mm
RIGHT = PAGE_WIDTH - 18 * mm
TOP = PAGE_HEIGHT - 18 * mm
BOTTOM = 22 * mm
WIDTH = RIGHT - LEFT

Draw = Callable[[Canvas, float], None]
"""Draws something whose upper edge is at a height."""


@dataclass(frozen=True, slots=True)
class Block:
    """Something that stays on one page."""

    height: float
    draw: Draw
    # Drawn above it when it begins a page.
    headings: tuple["Block", ...] = ()
    # What must fit below it too, so that a heading never stands alone.
    room_below: float = 0.0
    starts_page: bool = False


Page = list[tuple[float, Block]]
"""Blocks, each with its upper edge."""


def paginate(blocks: Iterable[Block]) -> list[Page]:
    """Distribute blocks over pages."""
    pages: list[Page] = [[]]
    edge = TOP
    for block in blocks:
        is_full = edge - block.height - block.room_below < BOTTOM
        if pages[-1] and (is_full or block.starts_page):
            pages.append([])
            edge = TOP
            for heading in block.headings:
                pages[-1].append((edge, heading))
                edge -= heading.height
        pages[-1].append((edge, block))
        edge -= block.height
    return pages


def space(height: float) -> Block:
    """Nothing, of some height."""
    return Block(height, lambda _canvas, _top: None)
