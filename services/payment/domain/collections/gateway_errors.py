"""The expected failures of payment at its gateways."""

from kernel.errors import DomainError, ErrorKind
from services.payment.domain.errors import precondition


def gateway_not_configured(gateway: str, tenant_id: str) -> DomainError:
    """GATEWAY_NOT_CONFIGURED: the tenant has no key for the gateway."""
    return precondition(
        "GATEWAY_NOT_CONFIGURED",
        f"tenant {tenant_id!r} has no key for {gateway}; put it into the file "
        f"{gateway}.{tenant_id} in GATEWAY_KEYS_DIR",
        gateway=gateway,
        tenant_id=tenant_id,
    )


def unknown_instrument(customer_reference: str, method_reference: str) -> DomainError:
    """UNKNOWN_INSTRUMENT: the gateway keeps no such payment method for the customer."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "UNKNOWN_INSTRUMENT",
        f"the gateway knows no payment method {method_reference!r} of customer "
        f"{customer_reference!r}; attach it to the customer there first",
        {"customer_reference": customer_reference, "method_reference": method_reference},
    )


def unsupported_instrument(method_reference: str, kind: str) -> DomainError:
    """UNSUPPORTED_INSTRUMENT: money cannot be taken from it while its owner is away."""
    return precondition(
        "UNSUPPORTED_INSTRUMENT",
        f"payment method {method_reference!r} is of the kind {kind!r}; only cards and direct "
        "debits can be collected from",
        method_reference=method_reference,
        kind=kind,
    )
