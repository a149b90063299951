"""What a check says, so that a test can also state that it says nothing."""

from collections.abc import Callable

from kernel.errors import DomainError


def refusal_reason(check: Callable[[], object]) -> str:
    """The reason for which something is refused, or nothing if it is accepted."""
    try:
        check()
    except DomainError as refusal:
        return refusal.reason
    return ""
