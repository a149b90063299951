"""The sample's customers are such as the services accept."""

from collections import Counter

import pytest

from deploy.local.sample.operator import (
    AURORA,
    BOREALIS,
    MARKETS,
    TAX_RATES,
    TENANTS,
    Account,
    Tenant,
)
from kernel.period import BillingCycle


def test_twenty_customers_buy_in_three_currencies() -> None:
    """One tenant alone has them, and every currency has several."""
    customers = {(account.customer, account.currency) for account in AURORA.accounts}
    assert len({customer for customer, _ in customers}) == 20
    assert set(Counter(currency for _, currency in customers)) == set(MARKETS)


def test_tenants_share_account_codes_and_no_customer() -> None:
    """The same code means another account at another tenant."""
    codes = [{account.code for account in tenant.accounts} for tenant in TENANTS]
    assert codes[1] < codes[0]
    names = [{account.name for account in tenant.accounts} for tenant in TENANTS]
    assert names[0].isdisjoint(names[1])


@pytest.mark.parametrize("tenant", [AURORA, BOREALIS], ids=lambda tenant: tenant.tenant_id)
def test_a_payer_is_created_before_those_it_pays_for(tenant: Tenant) -> None:
    """It pays for itself, in the same currency."""
    known: dict[str, Account] = {}
    for account in tenant.accounts:
        if account.payer:
            payer = known[account.payer]
            assert payer.is_payer
            assert payer.currency == account.currency
        known[account.code] = account
    assert any(account.payer for account in tenant.accounts)


@pytest.mark.parametrize("tenant", [AURORA, BOREALIS], ids=lambda tenant: tenant.tenant_id)
def test_every_invoice_has_an_issuer_with_a_tax_rate(tenant: Tenant) -> None:
    """The legal entity of the account's currency, in a country whose rate is known by then."""
    countries = {rate.country for rate in TAX_RATES}
    for account in tenant.accounts:
        assert tenant.entity_for(account).country in countries


def test_accounts_begin_with_a_billing_period_of_their_own_zone() -> None:
    """Local midnight of the month's first day, so that the first period is a whole one."""
    for account in AURORA.accounts:
        period = BillingCycle(account.zone, 1).period_of(account.start)
        assert period.start == account.start
