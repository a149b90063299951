"""Page tokens that know which list they belong to: the position in another list means nothing."""

from typing import Any

from chassis.grpc.pages import decode_token, encode_token
from services.cdr.domain.errors import invalid_page_token

Position = tuple[str | int, ...]


def token_of(list_name: str, *position: str | int) -> str:
    """The token for the page of this list after a position."""
    return encode_token([list_name, *position])


def position_in(list_name: str, token: str, first: Position) -> Any:
    """The position in a token of this list; `first`, which also states the types, without one.

    Raises INVALID_ARGUMENT INVALID_PAGE_TOKEN for a token that this list has not given out.
    """
    if not token:
        return first
    position = decode_token(token)
    if not _is_position(position, [list_name, *first]):
        raise invalid_page_token(list_name)
    return tuple(position[1:])


def _is_position(position: Any, example: list[str | int]) -> bool:
    return (
        isinstance(position, list)
        and position[:1] == example[:1]
        and list(map(type, position)) == list(map(type, example))
    )
