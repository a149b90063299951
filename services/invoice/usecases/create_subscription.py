"""A new subscription: an account uses a plan."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Subscription
from services.invoice.domain.errors import exists
from services.invoice.store import subscriptions
from services.invoice.usecases import announce
from services.invoice.usecases.free_time import check_subscription_is_free
from services.invoice.usecases.load import load_account


def create_subscription(
    uow: UnitOfWork, tenant_id: str, subscription: Subscription
) -> Subscription:
    """Subscribe an account to a plan that rating knows, in whatever currency.

    Raises ACCOUNT_NOT_FOUND, SUBSCRIPTION_EXISTS, SUBSCRIPTION_OVERLAPS.
    """
    account = load_account(uow.connection, tenant_id, subscription.account_id)
    check_subscription_is_free(uow, tenant_id, subscription)
    if not subscriptions.insert_subscription(uow.connection, tenant_id, subscription):
        raise exists("subscription", subscription.subscription_id)
    announce.subscription_changed(uow, tenant_id, subscription, account.payer_account_id)
    return subscription
