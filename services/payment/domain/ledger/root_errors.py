"""The expected failures of roots; their reasons never change their meaning."""

from kernel.errors import DomainError, ErrorKind


def ledger_root_not_found(what: str) -> DomainError:
    """LEDGER_ROOT_NOT_FOUND: no root was drawn for a day, or none covers an entry yet."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "LEDGER_ROOT_NOT_FOUND",
        f"there is no root for {what} yet; roots are drawn when a UTC day has ended, or by "
        "DrawLedgerRoot",
        {"for": what},
    )
