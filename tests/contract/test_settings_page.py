"""The page of settings tells what each service reads from the environment, and nothing else."""

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import CommonSettings
from services.cdr.config import CdrSettings
from services.fraud.config import FraudSettings
from services.invoice.config import InvoiceSettings
from services.payment.config import PaymentSettings
from services.rating.config import RatingSettings

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"
SECTIONS: dict[str, type[Any]] = {
    "Every service": CommonSettings,
    "cdr": CdrSettings,
    "rating": RatingSettings,
    "invoice": InvoiceSettings,
    "payment": PaymentSettings,
    "fraud": FraudSettings,
}
# One variable for each service.
ADDRESSES = "<SERVICE>_ADDRESS"


def row(field: dataclasses.Field[Any], hint: Any) -> str:
    """A setting as the page has it."""
    _, meaning, *limits = typing.get_args(hint)
    name = ADDRESSES if field.name == "addresses" else field.name.upper()
    allowed = "".join(f" {each.least:,} to {each.most:,}." for each in limits)
    # Outside of code, what is in angle brackets would be taken for HTML.
    return f"| `{name}` | {shown(field.default)} | {meaning.replace('<', '&lt;')}{allowed} |"


def shown(default: object) -> str:
    """A default as it would be written into the environment; nothing where none is needed."""
    if default in (None, "", dataclasses.MISSING):
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_told_with_its_default_and_its_limits(section: str) -> None:
    """In the order of the code."""
    settings = SECTIONS[section]
    hints = typing.get_type_hints(settings, include_extras=True)
    expected = [row(field, hints[field.name]) for field in dataclasses.fields(settings)]
    [told] = [part for part in PAGE.read_text().split("\n## ") if part.startswith(f"{section}\n")]
    assert [line for line in told.splitlines() if line.startswith("| `")] == expected
