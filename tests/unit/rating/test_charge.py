"""The identity of a charge is the same for ever, however it is computed."""

from hypothesis import given
from hypothesis import strategies as st

from services.rating.domain.charges.charge import Party, call_charge_ids, charge_id, party_key

parties = st.builds(party_key, st.sampled_from(Party), st.integers(0, 8))
calls = st.tuples(st.integers(0, 4 * 10**15), st.integers(0, 9), st.text(), st.text(), parties)


@given(st.text(), st.lists(calls))
def test_ids_of_a_batch_are_those_of_its_calls(
    tenant_id: str, batch: list[tuple[int, int, str, str, str]]
) -> None:
    """A column at once, or one by one."""
    one_by_one = [
        charge_id(start, tenant_id, kind, key, leg, party) for start, kind, key, leg, party in batch
    ]
    starts = [start for start, *_ in batch]
    kinds = [kind for _, kind, *_ in batch]
    keys, legs = [key for _, _, key, _, _ in batch], [leg for _, _, _, leg, _ in batch]
    named = [party for *_, party in batch]
    assert call_charge_ids(tenant_id, starts, kinds, keys, legs, named) == one_by_one
