"""Expected failures carry what programs and people need."""

import pytest

from kernel.errors import DomainError, ErrorKind, FieldViolation


def test_an_expected_failure_tells_programs_the_reason_and_people_the_sentence() -> None:
    """Whoever logs the error reads both."""
    with pytest.raises(DomainError, match=r"^NO_RATE: no rate for 882; add a row$") as caught:
        raise DomainError(
            ErrorKind.FAILED_PRECONDITION,
            "NO_RATE",
            "no rate for 882; add a row",
            {"called": "882"},
        )
    assert caught.value.message == "no rate for 882; add a row"
    assert caught.value.metadata == {"called": "882"}


def test_an_error_is_not_changed_by_whoever_made_it() -> None:
    """What is reported is the state at the time of the failure."""
    metadata = {"field": "start"}
    violations = [FieldViolation("start", "must not be empty")]
    error = DomainError(ErrorKind.INVALID_ARGUMENT, "INVALID", "set it", metadata, violations)
    metadata.clear()
    violations.clear()
    assert error.metadata == {"field": "start"}
    assert error.field_violations == (FieldViolation("start", "must not be empty"),)
