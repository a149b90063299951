"""Tax by a dated rate of the country."""

from dataclasses import dataclass
from datetime import datetime

from kernel.rounding import RoundingMode, round_ratio
from services.invoice.domain.fields import FieldRules
from services.invoice.domain.resources import NAME_CHARACTERS_MAX

BASIS_POINTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate for the periods that end after `effective_time`; never changed. INVALID_FIELDS."""

    tax_rate_id: str
    country_code: str
    display_name: str
    basis_points: int
    effective_time: datetime

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.tax_rate_id, "tax_rate.tax_rate_id")
        rules.country(self.country_code, "tax_rate.country_code")
        rules.length(self.display_name, "tax_rate.display_name", NAME_CHARACTERS_MAX)
        rules.require(
            0 <= self.basis_points <= BASIS_POINTS_MAX,
            "tax_rate.basis_points",
            f"must be 0 to {BASIS_POINTS_MAX}",
        )
        rules.check()


def tax_micros(net_micros: int, basis_points: int, minor_unit_micros: int) -> int:
    """The tax on a net amount, rounded half up to the minor unit, once."""
    units = round_ratio(
        net_micros * basis_points, BASIS_POINTS_MAX * minor_unit_micros, RoundingMode.HALF_UP
    )
    return units * minor_unit_micros
