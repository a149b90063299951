"""Whether the time of a line or a subscription is free; two who ask at once take turns."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Line, Subscription
from services.invoice.domain.errors import line_overlaps, subscription_overlaps
from services.invoice.store import accounts, lines, subscriptions


def check_line_is_free(uow: UnitOfWork, tenant_id: str, line: Line) -> None:
    """Keep the identifier to ourselves until the commit, then look. LINE_OVERLAPS."""
    lines.lock_identifier(uow.connection, tenant_id, line.kind, line.identifier)
    for other in lines.lines_of_identifier(uow.connection, tenant_id, line.kind, line.identifier):
        if other.line_id != line.line_id and other.validity.overlaps(line.validity):
            raise line_overlaps(line.identifier, other.line_id)


def check_subscription_is_free(uow: UnitOfWork, tenant_id: str, subscription: Subscription) -> None:
    """Keep the account to ourselves until the commit, then look. SUBSCRIPTION_OVERLAPS."""
    account_id = subscription.account_id
    accounts.lock_account(uow.connection, tenant_id, account_id)
    for other in subscriptions.subscriptions_of_account(uow.connection, tenant_id, account_id):
        is_other = other.subscription_id != subscription.subscription_id
        if is_other and other.validity.overlaps(subscription.validity):
            raise subscription_overlaps(account_id, other.subscription_id)
