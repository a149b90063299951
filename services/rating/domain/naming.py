"""The short names that people give to decks and plans."""

from services.rating.domain.errors import invalid_field

CODE_CHARACTERS_MAX = 40
DISPLAY_NAME_CHARACTERS_MAX = 200


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
