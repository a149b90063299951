"""A call is intrastate when both of its numbers are at home in one state of the United States."""

import pytest

from kernel.errors import DomainError
from services.rating.domain.conditions import Jurisdiction
from services.rating.domain.jurisdiction import (
    US_NUMBERING_AREAS,
    NumberingArea,
    NumberingAreas,
    check_numbering_areas,
)
from services.rating.domain.us_area_codes import US_AREA_CODES, US_STATES

NEW_YORK, BUFFALO = "12125550100", "17165550100"
NEWARK, WASHINGTON, SAN_JUAN = "19735550100", "12025550100", "17875550100"


@pytest.mark.parametrize(
    ("caller", "number", "jurisdiction"),
    [
        (NEW_YORK, BUFFALO, Jurisdiction.INTRASTATE),
        (NEW_YORK, NEWARK, Jurisdiction.INTERSTATE),
        (WASHINGTON, "17715550100", Jurisdiction.INTRASTATE),
        (WASHINGTON, NEW_YORK, Jurisdiction.INTERSTATE),
        (SAN_JUAN, "19395550100", Jurisdiction.INTRASTATE),
        (SAN_JUAN, NEW_YORK, Jurisdiction.INTERSTATE),
    ],
)
def test_states_are_those_of_the_area_codes(
    caller: str, number: str, jurisdiction: Jurisdiction
) -> None:
    """The District of Columbia and the territories count as states."""
    assert US_NUMBERING_AREAS.jurisdiction(caller, number) is jurisdiction


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param("14165550100", id="Toronto"),
        pytest.param("18765550100", id="Jamaica"),
        pytest.param("18005550100", id="toll-free"),
        pytest.param("19005550100", id="premium"),
        pytest.param("31201234567", id="Amsterdam"),
        pytest.param("2125550100", id="no country code"),
        pytest.param("121255501001", id="a digit too many"),
        pytest.param("911", id="emergency"),
        pytest.param("", id="unknown"),
    ],
)
def test_what_is_not_at_home_in_a_state_is_indeterminate(elsewhere: str) -> None:
    """On either side of the call, and with itself."""
    indeterminate = Jurisdiction.INDETERMINATE
    assert US_NUMBERING_AREAS.jurisdiction(NEW_YORK, elsewhere) is indeterminate
    assert US_NUMBERING_AREAS.jurisdiction(elsewhere, NEW_YORK) is indeterminate
    assert US_NUMBERING_AREAS.jurisdiction(elsewhere, elsewhere) is indeterminate


def test_a_tenant_refines_the_table_by_exchange_and_by_area_code() -> None:
    """The longer prefix wins; a new area code need not wait for a release."""
    areas = NumberingAreas([NumberingArea("1212555", "NJ"), NumberingArea("1232", "NY")])
    assert areas.state_of(NEW_YORK) == "NJ"
    assert areas.state_of("12125560100") == "NY"
    assert areas.state_of("12325550100") == "NY"
    assert areas.state_of(BUFFALO) == "NY"


def test_the_built_in_table_is_whole() -> None:
    """Fifty states, the District of Columbia and five territories; no service codes."""
    assert len(US_STATES) == 56
    assert all(len(prefix) == 4 and prefix[0] == "1" for prefix in US_AREA_CODES)
    assert not {"1800", "1833", "1844", "1855", "1866", "1877", "1888"} & set(US_AREA_CODES)
    assert not {"1900", "1500", "1700", "1710", "1600", "1911"} & set(US_AREA_CODES)
    assert len(US_AREA_CODES) > 350


@pytest.mark.parametrize(
    ("area", "field"),
    [
        (NumberingArea("201", "NJ"), "areas[1].prefix"),
        (NumberingArea("1101", "NJ"), "areas[1].prefix"),
        (NumberingArea("120155", "NJ"), "areas[1].prefix"),
        (NumberingArea("1201155", "NJ"), "areas[1].prefix"),
        (NumberingArea("12015550", "NJ"), "areas[1].prefix"),
        (NumberingArea("1202", "DC"), "areas[1].prefix"),
        (NumberingArea("1201", "ON"), "areas[1].state"),
        (NumberingArea("1201", "nj"), "areas[1].state"),
        (NumberingArea("1201", ""), "areas[1].state"),
    ],
)
def test_a_row_that_is_no_area_is_refused_by_its_place(area: NumberingArea, field: str) -> None:
    """A prefix stands only once."""
    with pytest.raises(DomainError, match="INVALID_NUMBERING_AREA") as error:
        check_numbering_areas([NumberingArea("1202", "DC"), area])
    assert error.value.field_violations[0].field == field
