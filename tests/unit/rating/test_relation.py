"""Whether a call stays on the net is decided by who pays for the called number at the time."""

import pytest

from services.rating.domain.plans.conditions import Relation
from services.rating.domain.tariffs.relation import NO_NUMBERS, LineNumber, NumberOwners

OWNERS = NumberOwners(
    {
        "3110": [LineNumber("anna", "anna", 0, 100), LineNumber("ben", "parent", 100, None)],
        "3111": [LineNumber("old", "old", 0, None), LineNumber("new", "new", 50, None)],
    }
)


@pytest.mark.parametrize(
    ("payer", "callee", "instant", "relation"),
    [
        ("anna", "3110", 99, Relation.SAME_ACCOUNT),
        ("anna", "3110", 100, Relation.ON_NET),
        ("parent", "3110", 100, Relation.SAME_ACCOUNT),
        ("parent", "3110", 99, Relation.ON_NET),
        ("anna", "3110", -1, Relation.OFF_NET),
        ("anna", "3199", 50, Relation.OFF_NET),
        ("anna", "", 50, Relation.OFF_NET),
    ],
)
def test_the_relation_is_between_those_who_pay(
    payer: str, callee: str, instant: int, relation: Relation
) -> None:
    """A number that changes hands is the new owner's from that microsecond on."""
    assert OWNERS.relation(payer, callee, instant) is relation


def test_of_two_lines_with_one_number_the_later_counts() -> None:
    """Overlaps are another's mistake; they must not make a price depend on the order of rows."""
    assert OWNERS.payer_at("3111", 49) == "old"
    assert OWNERS.payer_at("3111", 50) == "new"


def test_a_tenant_without_numbers_has_only_calls_to_others() -> None:
    """Until lines are known."""
    assert NO_NUMBERS.relation("anna", "3110", 0) is Relation.OFF_NET
