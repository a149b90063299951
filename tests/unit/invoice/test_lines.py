"""How charges become the lines of an invoice, and how usage is compared with a seal."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.invoice.domain.usage import ChargeKind, invoice_lines, usage_digest
from tests.unit.invoice.builders import charge
from tollbook.rating.v1 import charge_pb2


def test_fees_come_first_then_calls_then_corrections() -> None:
    """Each by name."""
    lines = invoice_lines(
        [
            charge(1, usage_line="Zambia"),
            charge(2, usage_line="Austria", correction=True),
            charge(3, usage_line="Belgium"),
            charge(4, usage_line="Zero plan", kind=ChargeKind.RECURRING_FEE),
        ]
    )
    assert [line.usage_line for line in lines] == ["Zero plan", "Belgium", "Zambia", "Austria"]
    assert [line.correction for line in lines] == [False, False, False, True]


def test_every_kind_of_charge_that_rating_makes_has_its_lines() -> None:
    """Messages to a destination stand apart from calls to it; an adjustment comes last."""
    assert {kind.value for kind in ChargeKind} == set(charge_pb2.ChargeKind.values()) - {0}
    lines = invoice_lines(
        charge(place, usage_line="Austria", kind=kind, micros=place)
        for place, kind in enumerate(reversed(ChargeKind), start=1)
    )
    # One-off fee, rent and recurring fee of one name; then calls, messages, data, the adjustment.
    assert [line.micros for line in lines] == [2 + 3 + 6, 7, 5, 4, 1]


def test_unanswered_calls_have_no_line_but_free_calls_do() -> None:
    """Nobody reads a bill for the calls that nobody answered."""
    lines = invoice_lines(
        [
            charge(1, micros=0, duration_ms=0, charged_duration_ms=0),
            charge(2, micros=0, usage_line="Freephone"),
        ]
    )
    assert [(line.usage_line, line.charge_count) for line in lines] == [("Freephone", 1)]


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(-(10**12), 10**12), st.booleans()),
        max_size=40,
    )
)
def test_lines_add_up_to_their_charges(calls: list[tuple[str, int, bool]]) -> None:
    """To the micro, whatever the order of arrival."""
    charges = [
        charge(place, usage_line=name, micros=micros, correction=correction)
        for place, (name, micros, correction) in enumerate(calls)
    ]
    lines = invoice_lines(charges)
    assert sum(line.micros for line in lines) == sum(micros for _, micros, _ in calls)
    random.Random(1).shuffle(charges)
    assert invoice_lines(charges) == lines


def test_the_digest_knows_every_revision_and_no_order() -> None:
    """A changed micro, a missing or a doubled revision make another digest."""
    first, second = (bytes(16), 1, 100), (bytes(16), 2, -100)
    digest = usage_digest([first, second])
    assert digest == usage_digest([second, first])
    assert digest != usage_digest([first, (bytes(16), 2, -101)])
    assert digest != usage_digest([first])
    assert digest != usage_digest([first, second, second])
