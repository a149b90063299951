"""Whatever is charged and given back, promotional credit never becomes money, nor money credit."""

from collections import defaultdict
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.funds.promoted_usage import ChargeChange, PromotedUsage
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.transfers import ChargeRevision
from tests.unit.payment.funds_steps import NOW, eur

charges = st.integers(0, 3)
totals = st.lists(st.tuples(charges, st.integers(0, 100)), max_size=20)


def promotion(name: str, micros: int, days: int) -> Promotion:
    expires = NOW + timedelta(days=days)
    return Promotion("acme", name, "a", eur(micros), eur(micros), NOW, expires)


def changes(steps: list[tuple[int, int]]) -> list[ChargeChange]:
    """What each step changes that says what a charge comes to from then on."""
    now: dict[int, int] = defaultdict(int)
    found = []
    for revision, (charge, total) in enumerate(steps, 1):
        before, now[charge] = now[charge], total
        name = ChargeRevision(charge.to_bytes(16), revision)
        found.append(ChargeChange(name, before, total - before))
    return found


@given(totals, st.integers(0, 150), st.integers(0, 150))
def test_each_has_again_what_he_paid_when_all_is_given_back(
    steps: list[tuple[int, int]], sooner: int, later: int
) -> None:
    """Calls are priced, priced again in any order, and given back whole in the end."""
    promotions = [promotion("sooner", sooner, 1), promotion("later", later, 2)]
    ending = changes([*steps, *((charge, 0) for charge in range(4))])
    usage = PromotedUsage(promotions, {}, NOW).with_all(ending)
    assert {key: micros for key, micros in usage.spent_by_id.items() if micros} == {}
    assert usage.promotion_micros == 0


@given(totals, st.integers(0, 150), st.integers(0, 20))
def test_two_batches_come_to_what_one_does(
    steps: list[tuple[int, int]], credit: int, cut: int
) -> None:
    """What the first batch stored is all that the second needs to know."""
    gift = promotion("gift", credit, 1)
    whole = PromotedUsage([gift], {}, NOW).with_all(changes(steps))
    first = PromotedUsage([gift], {}, NOW).with_all(changes(steps)[:cut])
    paid = defaultdict(list)
    for charge, of_gift, micros in first.payments:
        paid[charge.charge_id].append((of_gift, micros))
    left = promotion("gift", credit - first.promotion_micros, 1)
    second = PromotedUsage([left], paid, NOW).with_all(changes(steps)[cut:])
    assert first.promotion_micros + second.promotion_micros == whole.promotion_micros
