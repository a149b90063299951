"""How commands speak: one console for answers, one for trouble, amounts written out exactly."""

import sys
from collections.abc import Container, Iterable

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals

MICRO_DECIMALS = 6

# Where no terminal sets a width, lines are for programs and files: nothing is folded or cut there.
PIPED_COLUMNS = 1_000

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_COLUMNS)
trouble = Console(stderr=True, highlight=False)


def amount_text(amount: Money) -> str:
    """An amount to its last digit, with at least the decimals of its currency: 12.50 EUR."""
    sign = "-" if amount.micros < 0 else ""
    units, micros = divmod(abs(amount.micros), MICROS_PER_UNIT)
    decimals_min = minor_unit_decimals(amount.currency)
    decimals = f"{micros:0{MICRO_DECIMALS}d}".rstrip("0").ljust(decimals_min, "0")
    return f"{sign}{units:,}{'.' + decimals if decimals else ''} {amount.currency}"


def report(topic: str, what: str) -> None:
    """Tell that something was done."""
    console.print(
        f"  [green]✓[/green] [bold]{escape(topic):<20}[/bold] {escape(what)}", soft_wrap=True
    )


def steps(sentences: Iterable[str]) -> None:
    """Tell a reasoning, a numbered sentence a step."""
    for number, words in enumerate(sentences, start=1):
        console.print(f"    {number:>2}. {escape(words)}", soft_wrap=True)


def table(title: str, *headings: str, figures: Container[str] = ()) -> Table:
    """An empty table, as all commands show them; columns of figures end at the right."""
    made = Table(title=escape(title), title_justify="left", box=None, padding=(0, 2))
    for heading in headings:
        # An id that is cut off cannot be used; one that is folded can.
        justify: JustifyMethod = "right" if heading in figures else "left"
        made.add_column(heading, justify=justify, overflow="fold")
    return made


def add_row(shown: Table, *texts: str) -> None:
    """Add a row of texts that others wrote, in which brackets are brackets."""
    shown.add_row(*map(escape, texts))


def complain(message: str) -> None:
    """Tell what went wrong."""
    trouble.print(f"[red]tollbook:[/red] {escape(message)}", soft_wrap=True)
