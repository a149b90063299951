"""A supplier is priced by what it was when the call was made."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.clock import EPOCH, to_micros
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from kernel.rounding import RoundingMode
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import CallFacts, Jurisdiction, Relation
from services.rating.domain.plans.rounding_rules import DurationRounding
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.supplier import (
    NO_SUPPLIERS,
    Supplier,
    Suppliers,
    check_supplier,
)
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import DeckVersion
from services.rating.domain.usage import Service
from services.rating.usecases.parties import supplier_customer

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def supplier(**changes: Any) -> Supplier:
    """A supplier with one deck and two trunks."""
    fields = {
        "supplier_id": "north",
        "code": "north",
        "display_name": "North",
        "currency": "USD",
        "rate_deck_ids": ("deck",),
        "quality": 90,
        "weight": 100,
        "trunks": ("north-1", "north-2"),
        "enabled": True,
        "revision": 1,
        "effective_time": EPOCH,
        "create_time": MARCH,
    }
    return Supplier(**{**fields, **changes})


FIRST = supplier()
SECOND = replace(FIRST, revision=2, effective_time=APRIL, trunks=("north-2",), enabled=False)
SOUTH = supplier(supplier_id="south", code="south", trunks=("north-1",), create_time=APRIL)
SUPPLIERS = Suppliers([SOUTH, SECOND, FIRST])


def test_a_supplier_is_what_it_was_at_the_instant() -> None:
    """The first revision holds for calls before it was known, so late records have a cost."""
    april = to_micros(APRIL)
    assert SUPPLIERS.at(0) == [FIRST, SOUTH]
    assert SUPPLIERS.at(april - 1) == [FIRST, SOUTH]
    assert SUPPLIERS.at(april) == [SECOND, SOUTH]


def test_a_trunk_leads_to_the_supplier_that_had_it_at_the_time() -> None:
    """Of two at once, the one created first; disabled suppliers are still owed for their calls."""
    april = to_micros(APRIL)
    assert SUPPLIERS.of_trunk("north-1", april - 1) == "north"
    assert SUPPLIERS.of_trunk("north-1", april) == "south"
    assert SUPPLIERS.of_trunk("north-2", april) == "north"
    assert SUPPLIERS.of_trunk("east-1", april) is None
    assert SUPPLIERS.of_trunk("", april) is None
    assert NO_SUPPLIERS.of_trunk("north-1", april) is None


def test_a_supplier_has_a_plan_of_its_own() -> None:
    """Whole seconds upwards, exact to the micro, in its own currency."""
    assert [plan.plan_id for plan in SUPPLIERS.plans] == ["north", "south"]
    assert SUPPLIERS.plans[0].currency == "USD"
    terms = SUPPLIERS.terms[1]
    assert (terms.plan_id, terms.revision, terms.effective_time) == ("north", 2, APRIL)
    assert terms.rate_deck_ids == ("deck",)
    assert terms.duration_rounding is DurationRounding.UP
    assert (terms.price_rule.mode, terms.price_rule.decimals) == (RoundingMode.HALF_UP, 6)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"code": ""}, "INVALID_CODE", "code"),
        ({"display_name": ""}, "INVALID_NAME", "display_name"),
        ({"rate_deck_ids": ()}, "INVALID_SUPPLIER", "rate_deck_ids"),
        ({"rate_deck_ids": ("a", "a")}, "INVALID_SUPPLIER", "rate_deck_ids"),
        ({"rate_deck_ids": tuple("abcdefghijklmnopq")}, "INVALID_SUPPLIER", "rate_deck_ids"),
        ({"quality": 101}, "INVALID_SUPPLIER", "quality"),
        ({"quality": -1}, "INVALID_SUPPLIER", "quality"),
        ({"weight": 1_001}, "INVALID_SUPPLIER", "weight"),
        ({"weight": -1}, "INVALID_SUPPLIER", "weight"),
        ({"trunks": ("a", "a")}, "INVALID_SUPPLIER", "trunks"),
        ({"trunks": tuple(map(str, range(65)))}, "INVALID_SUPPLIER", "trunks"),
        ({"trunks": ("a", " b")}, "INVALID_CODE", "trunks[1]"),
    ],
)
def test_what_no_supplier_can_be_is_refused(
    changes: dict[str, Any], reason: str, field: str
) -> None:
    """Each with the field that is wrong."""
    check_supplier(FIRST)
    with pytest.raises(DomainError) as error:
        check_supplier(supplier(**changes))
    assert error.value.reason == reason
    assert error.value.field_violations[0].field == f"supplier.{field}"


def test_a_call_costs_what_the_supplier_charges_to_the_micro() -> None:
    """6 seconds begun, 0.0123457 USD a minute: 66 s cost 0.01358027, rounded half up."""
    version = DeckVersion("version", "deck", EPOCH, Service.VOICE, "USD")
    tariff = Tariff([], [], [version], suppliers=Suppliers([supplier()]))
    rate = Rate("31", "Netherlands", 12_345_700, 0, 6, 6, 0, 0, 1)
    table = PrefixTable.compile([rate])
    start = to_micros(MARCH)
    facts = CallFacts(
        Service.VOICE, "", "31201234567", Relation.OFF_NET, Jurisdiction.INDETERMINATE
    )
    usage = Usage(Service.VOICE, start, start, 60_001, 0, True, NumberKind.E164, facts)
    customer = supplier_customer("north", tariff)
    cost = price_usage(usage, customer, tariff, lambda _: table, CounterBook())
    assert (cost.charged_quantity, cost.amount_micros, cost.currency) == (66, 13_580, "USD")
    assert cost.usage_line == "Netherlands"
    assert b'"plan_revision_id":"north/1"' in cost.receipt


def test_a_supplier_without_decks_in_force_has_no_rate() -> None:
    """Its cost waits until a version is published that was in force."""
    tariff = Tariff([], [], [], suppliers=Suppliers([supplier()]))
    terms = tariff.terms_at("north", to_micros(MARCH))
    assert terms is not None
    assert terms.chains[Service.VOICE] == ()
