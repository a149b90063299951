"""CustomerService: customers and the accounts, lines and subscriptions that belong to them.

The contract has one service for all four, the code has a part for each.
"""

from chassis.grpc.endpoint import Endpoint
from services.invoice.api.account_rpcs import AccountRpcs
from services.invoice.api.customer_rpcs import CustomerRpcs
from services.invoice.api.line_rpcs import LineRpcs
from services.invoice.api.subscription_rpcs import SubscriptionRpcs
from services.invoice.store.vault import Vault
from services.invoice.usecases.rating import Rating


class CustomerApi(CustomerRpcs, AccountRpcs, LineRpcs, SubscriptionRpcs):
    """Manages customers and what belongs to them."""

    def __init__(self, endpoint: Endpoint, vault: Vault, rating: Rating) -> None:
        self._endpoint = endpoint
        self._vault = vault
        self._rating = rating
