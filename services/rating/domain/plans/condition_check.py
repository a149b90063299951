"""What the condition of a term must satisfy by itself."""

from collections.abc import Set

from kernel.errors import DomainError
from services.rating.domain.errors import invalid_field
from services.rating.domain.plans.conditions import Condition

PREFIX_DIGITS_MAX = 15
PREFIXES_MAX = 1_000


def check_condition(field: str, when: Condition, bands: Set[str]) -> None:
    """Refuse a condition that could never hold, or never as it is meant: INVALID_TERMS."""
    for code in when.time_bands:
        if code not in bands:
            advice = f"there is no such band; there are {', '.join(sorted(bands)) or 'none'}"
            raise invalid_terms(f"{field}.time_bands", code, advice)
    _check_prefixes(f"{field}.destination_prefixes", when.destination_prefixes)
    _check_prefixes(f"{field}.origin_prefixes", when.origin_prefixes)


def invalid_terms(field: str, found: object, advice: str) -> DomainError:
    """INVALID_TERMS, with the value that cannot be taken and what to do about it."""
    return invalid_field("INVALID_TERMS", field, f"{found!s:.100}: {advice}")


def _check_prefixes(field: str, prefixes: tuple[str, ...]) -> None:
    if len(prefixes) > PREFIXES_MAX:
        raise invalid_terms(field, f"{len(prefixes)} prefixes", f"give at most {PREFIXES_MAX}")
    for prefix in prefixes:
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= PREFIX_DIGITS_MAX):
            advice = f"a prefix is 1 to {PREFIX_DIGITS_MAX} digits, without '+'"
            raise invalid_terms(field, repr(prefix), advice)
