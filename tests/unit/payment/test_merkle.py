"""The root over all chains is the Merkle tree hash of RFC 6962."""

from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.payment.domain.ledger.merkle import merkle_root

# The leaves and roots that Certificate Transparency's own implementations are tested with.
KNOWN_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

leaves = st.lists(st.binary(max_size=40), max_size=33)


@pytest.mark.parametrize("count", KNOWN_ROOTS)
def test_the_root_is_what_other_implementations_compute(count: int) -> None:
    """An auditor with a tool of Certificate Transparency comes to the same root."""
    assert merkle_root(KNOWN_LEAVES[:count]).hex() == KNOWN_ROOTS[count]


@given(leaves.filter(bool), st.data())
def test_a_changed_leaf_changes_the_root(content: list[bytes], data: st.DataObject) -> None:
    """One chain head altered, one other root."""
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.binary(max_size=40).filter(lambda leaf: leaf != content[place]))
    assert merkle_root([*content[:place], other, *content[place + 1 :]]) != merkle_root(content)


@given(leaves.filter(bool), st.data())
def test_a_removed_or_repeated_leaf_changes_the_root(
    content: list[bytes], data: st.DataObject
) -> None:
    """A chain that is left out or counted twice shows."""
    place = data.draw(st.integers(0, len(content) - 1))
    root = merkle_root(content)
    assert merkle_root(content[:place] + content[place + 1 :]) != root
    assert merkle_root([*content, content[place]]) != root


@given(leaves.filter(lambda content: len(content) > 1), st.data())
def test_the_order_of_leaves_matters(content: list[bytes], data: st.DataObject) -> None:
    """Two chain heads in each other's place make another root."""
    first, second = data.draw(
        st.tuples(*[st.integers(0, len(content) - 1)] * 2).filter(lambda pair: pair[0] != pair[1])
    )
    assume(content[first] != content[second])
    swapped = list(content)
    swapped[first], swapped[second] = content[second], content[first]
    assert merkle_root(swapped) != merkle_root(content)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_node_cannot_be_passed_off_as_a_leaf(left: bytes, right: bytes) -> None:
    """The classic second-preimage forgery: the children of the root sold as one leaf."""
    children = [sha256(b"\x00" + leaf).digest() for leaf in (left, right)]
    assert merkle_root([b"".join(children)]) != merkle_root([left, right])
