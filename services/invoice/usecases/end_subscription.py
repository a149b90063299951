"""The end of a subscription: the account may use another plan."""

from dataclasses import replace
from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Subscription
from services.invoice.domain.errors import not_found
from services.invoice.domain.validity import Validity
from services.invoice.store import subscriptions
from services.invoice.usecases import announce
from services.invoice.usecases.free_time import check_subscription_is_free
from services.invoice.usecases.load import load_account


def end_subscription(
    uow: UnitOfWork, tenant_id: str, subscription_id: str, end: datetime
) -> Subscription:
    """End a subscription at a time.

    Raises SUBSCRIPTION_NOT_FOUND, INVALID_FIELDS, SUBSCRIPTION_OVERLAPS.
    """
    found = subscriptions.find_subscription(uow.connection, tenant_id, subscription_id)
    if found is None:
        raise not_found("subscription", subscription_id)
    subscription = replace(found, validity=Validity(found.validity.start, end))
    check_subscription_is_free(uow, tenant_id, subscription)
    subscriptions.update_end(uow.connection, tenant_id, subscription)
    account = load_account(uow.connection, tenant_id, subscription.account_id)
    announce.subscription_changed(uow, tenant_id, subscription, account.payer_account_id)
    return subscription
