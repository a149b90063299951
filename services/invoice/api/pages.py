"""Page sizes and tokens of the contract to requests to the store and back."""

from typing import Any, Protocol

from chassis.grpc.pages import decode_token, encode_token, page_size
from services.invoice.store.rows import Page, PageRequest


class ListRequest(Protocol):
    """A request of a list method."""

    page_size: int
    page_token: str


def requested_page(request: ListRequest) -> PageRequest:
    """The page that is asked for. Raises INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN."""
    return PageRequest(page_size(request.page_size), decode_token(request.page_token))


def token_after(page: Page[Any]) -> str:
    """The token of the next page; empty on the last."""
    return encode_token(page.next_after) if page.next_after else ""
