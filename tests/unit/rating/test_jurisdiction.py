"""A call is intrastate when both of its numbers are at home in one state of the United States."""

import pytest

from kernel.errors import DomainError
from services.rating.domain.plans.conditions import Jurisdiction
from services.rating.domain.tariffs.jurisdiction import (
    NUMBERING_FILE_BYTES_MAX,
    US_NUMBERING_AREAS,
    NumberingArea,
    NumberingAreas,
    parse_numbering_areas,
)
from services.rating.domain.tariffs.us_area_codes import US_AREA_CODES, US_STATES

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


def test_a_file_of_areas_is_read_with_or_without_a_header() -> None:
    """Spaces and empty lines are no rows."""
    areas = [NumberingArea("1201", "NJ"), NumberingArea("1201555", "NY")]
    assert parse_numbering_areas(b"prefix,state\r\n1201,NJ\r\n\r\n1201555, NY\r\n") == areas
    assert parse_numbering_areas(b"\xef\xbb\xbf1201,NJ\n1201555,NY") == areas
    assert parse_numbering_areas(b"") == []


@pytest.mark.parametrize(
    "line",
    [
        *("201,NJ", "1101,NJ", "120155,NJ", "1201155,NJ", "12015550,NJ", "1202,DC"),
        *("1201,ON", "1201,nj", "1201,", "1201", ",NJ", "1201,NJ,x", "prefix,state"),
        "\u0661201,NJ",
    ],
)
def test_a_row_that_is_no_area_is_refused_by_its_line(line: str) -> None:
    """A prefix stands only once; nothing of the file is taken."""
    with pytest.raises(DomainError, match=r"INVALID_NUMBERING_AREA: content: line 2: ") as error:
        parse_numbering_areas(f"1202,DC\n{line}\n".encode())
    assert error.value.field_violations[0].field == "content"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1201,\xff", "INVALID_ENCODING"),
        (b" " * (NUMBERING_FILE_BYTES_MAX + 1), "FILE_TOO_LARGE"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content: bytes, reason: str) -> None:
    """Before a row of it is looked at."""
    with pytest.raises(DomainError, match=reason):
        parse_numbering_areas(content)
