"""Pages of a list: their size, and the opaque token that says where the next one starts."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from chassis.database.pages import Page, PageRequest
from chassis.grpc.running_call import method_or_none
from kernel.errors import DomainError, ErrorKind

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 500
TOKEN_CHARACTERS_MAX = 4_000
CHECKSUM_BYTES = 6

Position = Sequence[str | int]
T = TypeVar("T")


class ListRequest(Protocol):
    """A request of a list method."""

    page_size: int
    page_token: str


def requested_page(request: ListRequest) -> PageRequest:
    """The page that is asked for. Raises INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN."""
    return PageRequest(page_size(request.page_size), decode_token(request.page_token))


def next_page_token(page: Page[Any]) -> str:
    """The token of the page after this one; empty on the last."""
    return encode_token(page.next_after) if page.next_after else ""


def page_size(requested: int) -> int:
    """The size to use: 0 asks for the default, too many is taken as the maximum.

    Raises INVALID_ARGUMENT INVALID_PAGE_SIZE for a negative size.
    """
    if requested < 0:
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            "INVALID_PAGE_SIZE",
            f"page_size is {requested}; give 0 for the default or 1 to {PAGE_SIZE_MAX}",
            {"page_size": str(requested)},
        )
    return min(requested or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def encode_token(position: Position) -> str:
    """The token for the page that starts after this position in the order of the running list."""
    payload = json.dumps(position, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(payload) + payload).decode().rstrip("=")


def token_after(found: Sequence[T], size: int, position: Callable[[T], Position]) -> str:
    """The token of the page after the first `size` of what was found; empty where that is all.

    So a list asks for one more than it shows. `position` is where one of them stands.
    """
    return encode_token(position(found[size - 1])) if len(found) > size else ""


def decode_token(token: str) -> Any:
    """The position that was put into a token; None for the first page.

    Raises INVALID_ARGUMENT INVALID_PAGE_TOKEN for a token that the running list has not given out.
    """
    if not token:
        return None
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise _invalid_token()
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise _invalid_token() from None
    checksum, payload = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    if checksum != _checksum(payload):
        raise _invalid_token()
    return json.loads(payload)


def _checksum(payload: bytes) -> bytes:
    """Tells a token that is damaged, or of another list, from a good one.

    It is no secret: who may read what is not decided by tokens.
    """
    owner = (method_or_none() or "").encode()
    return hashlib.sha256(owner + b"\0" + payload).digest()[:CHECKSUM_BYTES]


def _invalid_token() -> DomainError:
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_PAGE_TOKEN",
        "page_token is not one that this list gave out; start again with an empty one",
    )
