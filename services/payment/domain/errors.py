"""The expected failures of payment; their reasons never change their meaning."""

from collections.abc import Sequence

from kernel.errors import DomainError, ErrorKind, FieldViolation


def precondition(reason: str, message: str, /, **metadata: str) -> DomainError:
    """FAILED_PRECONDITION: the request is right, the state of things is not."""
    return DomainError(ErrorKind.FAILED_PRECONDITION, reason, message, metadata)


def broken_rules(reason: str, refused: str, violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_ARGUMENT: fields of a request break their rules, which the message tells."""
    rules = "; ".join(f"{each.field}: {each.description}" for each in violations)
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        reason,
        f"{refused}: {rules}",
        {"fields": ", ".join(each.field for each in violations)},
        violations,
    )


def unknown_account(account_id: str) -> DomainError:
    """UNKNOWN_ACCOUNT: invoice has not announced the account to this service."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "UNKNOWN_ACCOUNT",
        f"account {account_id!r} is not known; create it in invoice, or wait until it is announced",
        {"account_id": account_id},
    )


def not_a_payer(account_id: str, payer_account_id: str) -> DomainError:
    """NOT_A_PAYER: another account pays for this one and owns its balance."""
    return precondition(
        "NOT_A_PAYER",
        f"account {account_id!r} is paid for by {payer_account_id!r}; name that account",
        account_id=account_id,
        payer_account_id=payer_account_id,
    )


def payment_not_found(payment_id: str) -> DomainError:
    """PAYMENT_NOT_FOUND: the tenant has no payment with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "PAYMENT_NOT_FOUND",
        f"payment {payment_id!r} does not exist; ListPayments shows those that do",
        {"payment_id": payment_id},
    )


def payment_exists(payment_id: str) -> DomainError:
    """PAYMENT_EXISTS: another request recorded a payment under this id."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "PAYMENT_EXISTS",
        f"payment {payment_id!r} was recorded by another request; make a new id",
        {"payment_id": payment_id},
    )


def invalid_payment(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_PAYMENT: fields of the payment break their rules."""
    return broken_rules("INVALID_PAYMENT", "the payment cannot be recorded", violations)


def malformed_entry(reference: str, what: str) -> DomainError:
    """MALFORMED_ENTRY: a posting names a ledger account that cannot exist, or moves nothing."""
    return precondition(
        "MALFORMED_ENTRY",
        f"the entry for {reference!r} is refused: {what}",
        reference=reference,
    )


def unbalanced_entry(reference: str, currency: str, micros: int) -> DomainError:
    """UNBALANCED_ENTRY: debits and credits differ, so that money would appear or vanish."""
    return precondition(
        "UNBALANCED_ENTRY",
        f"the entry for {reference!r} is out of balance by {micros} micros of {currency}; "
        "compare the amounts of what caused it",
        reference=reference,
        currency=currency,
        micros=str(micros),
    )


def balance_out_of_range(chain: str) -> DomainError:
    """BALANCE_OUT_OF_RANGE: a balance would be larger than can be kept exactly."""
    return precondition(
        "BALANCE_OUT_OF_RANGE",
        f"a balance of {chain} would pass 9,000,000,000,000 units; check the amount",
        chain=chain,
    )


def prepaid_invoice(invoice_id: str, account_id: str) -> DomainError:
    """PREPAID_INVOICE: an invoice demands what a wallet has paid already."""
    return precondition(
        "PREPAID_INVOICE",
        f"invoice {invoice_id!r} is for account {account_id!r}, whose wallet pays for usage as it "
        "happens; withdraw the invoice: posting it would charge the customer twice",
        invoice_id=invoice_id,
        account_id=account_id,
    )


def party_without_rule(party: int) -> DomainError:
    """PARTY_WITHOUT_RULE: charges to this party are neither a customer's nor a reseller's usage."""
    return precondition(
        "PARTY_WITHOUT_RULE",
        f"no posting rule for charges to party {party}; update this service, then replay",
        party=str(party),
    )
