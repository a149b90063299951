"""Customers in memory: bounded, and dropped as soon as something newer is known of them."""

from datetime import UTC, datetime

from kernel.period import BillingCycle
from services.rating.domain.account import Account, Customer
from services.rating.store.account_changes import AccountChange
from services.rating.store.customers import KnownCustomer
from services.rating.usecases.quoting.customers import Customers

TENANT = "acme"


def customer(account_id: str, payer_id: str = "", **change_micros: int) -> KnownCustomer:
    """A customer as it was read, with the changes it includes."""

    def account(identifier: str) -> Account:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        payer = payer_id or account_id
        return Account(identifier, payer, "EUR", BillingCycle("UTC", 1), start)

    read = Customer(account(account_id), account(payer_id or account_id), ())
    return KnownCustomer(read, None, change_micros)


def test_the_customer_that_was_not_asked_for_longest_makes_room() -> None:
    """A bound in number bounds the memory."""
    customers = Customers(customers_max=2)
    customers.remember(TENANT, {"a": customer("a"), "b": customer("b")})
    assert customers.get(TENANT, "a") is not None
    customers.remember(TENANT, {"c": customer("c")})
    assert [bool(customers.get(TENANT, each)) for each in "abc"] == [True, False, True]


def test_a_change_of_an_account_drops_it_and_those_it_pays_for() -> None:
    """Others stay, also accounts of the same id in another tenant."""
    customers = Customers()
    customers.remember(TENANT, {"a": customer("a", "p"), "b": customer("b"), "p": customer("p")})
    customers.remember("other", {"p": customer("p")})
    customers.heed([AccountChange(TENANT, "p", 7)])
    assert [bool(customers.get(TENANT, each)) for each in "abp"] == [False, True, False]
    assert customers.get("other", "p") is not None


def test_a_change_that_was_read_already_drops_nothing() -> None:
    """Changes are heard of several times; a clock that is behind does not hide one."""
    customers = Customers()
    customers.remember(TENANT, {"a": customer("a", a=7)})
    customers.heed([AccountChange(TENANT, "a", 7)])
    assert customers.get(TENANT, "a") is not None
    customers.heed([AccountChange(TENANT, "a", 5)])
    assert customers.get(TENANT, "a") is None


def test_what_was_read_before_a_change_and_comes_after_it_is_not_kept() -> None:
    """A slow read does not bring back what was dropped meanwhile."""
    customers = Customers()
    customers.heed([AccountChange(TENANT, "a", 7)])
    customers.remember(TENANT, {"a": customer("a", a=3)})
    assert customers.get(TENANT, "a") is None
    customers.remember(TENANT, {"a": customer("a", a=7)})
    assert customers.get(TENANT, "a") is not None
