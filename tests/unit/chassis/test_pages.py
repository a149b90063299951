"""A list is read page by page, by tokens that only the list itself can make."""

from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.grpc import running_call
from chassis.grpc.pages import PAGE_SIZE_MAX, decode_token, encode_token, page_size
from kernel.errors import DomainError

KEYS = st.text(max_size=80) | st.integers(-(2**63), 2**63)


@given(st.lists(KEYS, max_size=4))
def test_a_token_gives_back_the_position_it_was_made_from(position: list[str | int]) -> None:
    """Whatever the keys of the list are."""
    assert decode_token(encode_token(position)) == position


def test_the_first_page_has_no_position() -> None:
    """An empty token asks for the first page."""
    assert decode_token("") is None


@pytest.mark.parametrize("token", ["x", "ä", "AAAA", "a" * 5_000, encode_token(["a"])[:-1]])
def test_a_damaged_token_is_refused(token: str) -> None:
    """A token that was cut or made up would skip calls without anybody noticing."""
    with pytest.raises(DomainError, match="INVALID_PAGE_TOKEN"):
        decode_token(token)


@given(st.text(max_size=80))
def test_no_text_from_outside_breaks_the_reading_of_a_token(token: str) -> None:
    """It is empty, or it is refused."""
    if token:
        with pytest.raises(DomainError):
            decode_token(token)


def test_a_token_of_another_list_is_refused() -> None:
    """Its position means nothing in this list's order."""

    def token_of(method: str) -> str:
        running_call.enter_call(method, None)
        return encode_token(["a", 1])

    tokens = {name: copy_context().run(token_of, name) for name in ("A/ListCalls", "A/ListSources")}

    def read(token: str) -> Any:
        running_call.enter_call("A/ListCalls", None)
        return decode_token(token)

    assert copy_context().run(read, tokens["A/ListCalls"]) == ["a", 1]
    with pytest.raises(DomainError, match="INVALID_PAGE_TOKEN"):
        copy_context().run(read, tokens["A/ListSources"])


def test_a_page_has_a_usual_and_a_largest_size() -> None:
    """0 asks for the usual size, and nobody gets more than the largest."""
    assert page_size(0) == 50
    assert page_size(7) == 7
    assert page_size(10_000) == PAGE_SIZE_MAX
    with pytest.raises(DomainError, match="INVALID_PAGE_SIZE"):
        page_size(-1)
