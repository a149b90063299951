"""The ids and names that people give to decks, plans and calendars."""

from kernel.ids import is_uuid
from services.rating.domain.errors import invalid_field

CODE_CHARACTERS_MAX = 40
DISPLAY_NAME_CHARACTERS_MAX = 200


def check_id(field: str, identifier: str) -> None:
    """Refuse an id that its creator chose and that is no UUID; '' is one to be made: INVALID_ID."""
    if identifier and not is_uuid(identifier):
        problem = f"{identifier[:CODE_CHARACTERS_MAX]!r} is no UUID; leave it empty"
        raise invalid_field("INVALID_ID", field, problem)


def check_code(field: str, code: str) -> None:
    """Refuse a code that could not be typed again: INVALID_CODE."""
    if not 1 <= len(code) <= CODE_CHARACTERS_MAX or not code.isprintable() or code != code.strip():
        raise invalid_field(
            "INVALID_CODE",
            field,
            f"{code[:CODE_CHARACTERS_MAX]!r} is no code; "
            f"give 1 to {CODE_CHARACTERS_MAX} printable characters",
        )


def check_display_name(field: str, name: str) -> None:
    """Refuse a name that is empty, too long or could not be printed: INVALID_NAME."""
    if not 1 <= len(name) <= DISPLAY_NAME_CHARACTERS_MAX or not name.isprintable():
        shown, limit = name[:DISPLAY_NAME_CHARACTERS_MAX], DISPLAY_NAME_CHARACTERS_MAX
        raise invalid_field(
            "INVALID_NAME", field, f"{shown!r} is no name; give 1 to {limit} printable characters"
        )
