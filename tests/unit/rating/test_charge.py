"""The identity of a charge is the same for ever, however it is computed."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import from_micros
from services.rating.domain.charge import call_charge_ids, charge_id

calls = st.tuples(st.integers(0, 4 * 10**15), st.integers(0, 9), st.text(), st.text())


@given(st.text(), st.lists(calls))
def test_ids_of_a_batch_are_those_of_its_calls(
    tenant_id: str, batch: list[tuple[int, int, str, str]]
) -> None:
    """A column at once, or one by one."""
    starts = [start for start, _, _, _ in batch]
    kinds = [kind for _, kind, _, _ in batch]
    keys, legs = [key for _, _, key, _ in batch], [leg for _, _, _, leg in batch]
    one_by_one = [
        charge_id(from_micros(start), tenant_id, kind, key, leg, "1")
        for start, kind, key, leg in batch
    ]
    assert call_charge_ids(tenant_id, starts, kinds, keys, legs) == one_by_one
