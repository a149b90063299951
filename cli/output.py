"""How commands speak: one console for answers, one for trouble, amounts written out exactly."""

from rich.console import Console
from rich.markup import escape

from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals

MICRO_DECIMALS = 6

console = Console(highlight=False)
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


def complain(message: str) -> None:
    """Tell what went wrong."""
    trouble.print(f"[red]tollbook:[/red] {escape(message)}", soft_wrap=True)
