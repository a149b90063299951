"""Tenants, legal entities, customers, accounts, lines and subscriptions."""

import asyncio
from datetime import UTC, datetime

import pytest

from chassis.grpc.convert import time_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.partition import partition_of
from services.invoice.domain.account import RESELLER_LEVELS_MAX
from tests.conformance.invoice.office import NOON, NOVEMBER, OCTOBER, Office
from tollbook.invoice.v1 import customer_pb2, invoice_events_pb2
from tollbook.invoice.v1 import invoice_service_pb2 as pb

DECEMBER_START = NOVEMBER.end


async def test_a_repeated_creation_gets_the_first_answer(office: Office) -> None:
    """The same request twice makes one legal entity; another one under its id is refused."""
    await office.found()
    entity = customer_pb2.LegalEntity(
        code="de", display_name="DE GmbH", country_code="DE", invoice_prefix="DE"
    )
    request = pb.CreateLegalEntityRequest(legal_entity=entity, request_id=new_uuid())
    first = await office.call(office.entities.CreateLegalEntity, request)
    assert await office.call(office.entities.CreateLegalEntity, request) == first
    request.legal_entity.code = "at"
    with pytest.raises(DomainError, match="REQUEST_ID_REUSED"):
        await office.call(office.entities.CreateLegalEntity, request)


async def test_what_must_be_unique_is_told_by_its_name(office: Office) -> None:
    """The reason says which of the fields is taken."""
    await office.found("NL")
    with pytest.raises(DomainError, match="TENANT_EXISTS"):
        await office.found("DE")
    with pytest.raises(DomainError, match="LEGAL_ENTITY_CODE_TAKEN"):
        await office.entity("NL")
    with pytest.raises(DomainError, match="INVOICE_PREFIX_TAKEN"):
        await office.call(
            office.entities.CreateLegalEntity,
            pb.CreateLegalEntityRequest(
                legal_entity=customer_pb2.LegalEntity(
                    code="other", display_name="Other", country_code="NL", invoice_prefix="NL"
                )
            ),
        )
    with pytest.raises(DomainError, match="TAX_RATE_EXISTS"):
        await office.call(
            office.entities.CreateTaxRate,
            pb.CreateTaxRateRequest(
                tax_rate=customer_pb2.TaxRate(
                    country_code="NL",
                    display_name="VAT 22 %",
                    basis_points=2_200,
                    effective_time=time_to_proto(datetime(2020, 1, 1, tzinfo=UTC)),
                )
            ),
        )
    await office.customer("CRM-1")
    with pytest.raises(DomainError, match="CUSTOMER_EXISTS"):
        await office.customer("CRM-1")


async def test_an_account_needs_what_it_refers_to(office: Office) -> None:
    """Customer, legal entity and payer must be there, and the payer pay for itself, alike."""
    entity, customer = await office.found(), await office.customer()
    nobody = customer_pb2.Customer(customer_id=new_uuid())
    with pytest.raises(DomainError, match="CUSTOMER_NOT_FOUND"):
        await office.account(entity, nobody)
    nowhere = customer_pb2.LegalEntity(legal_entity_id=new_uuid())
    with pytest.raises(DomainError, match="LEGAL_ENTITY_NOT_FOUND"):
        await office.account(nowhere, customer)
    with pytest.raises(DomainError, match="ACCOUNT_NOT_FOUND"):
        await office.account(entity, customer, payer_account_id=new_uuid())
    head = await office.account(entity, customer, "head")
    with pytest.raises(DomainError, match="ACCOUNT_CODE_TAKEN"):
        await office.account(entity, customer, "head")
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await office.account(
            entity, customer, "b", currency_code="USD", payer_account_id=head.account_id
        )
    branch = await office.account(entity, customer, "b", payer_account_id=head.account_id)
    with pytest.raises(DomainError, match="ACCOUNT_IS_PAID_BY_ANOTHER"):
        await office.account(entity, customer, "c", payer_account_id=branch.account_id)


async def test_a_reseller_stands_above_the_accounts_it_sells_to(office: Office) -> None:
    """It may be of any currency; whoever follows accounts is told, and GetAccount shows it."""
    entity, customer = await office.found(), await office.customer()
    reseller = await office.account(entity, customer, "reseller", currency_code="USD")
    sold = await office.account(entity, customer, "sold", reseller_account_id=reseller.account_id)
    request = pb.GetAccountRequest(account_id=sold.account_id)
    assert (await office.call(office.customers.GetAccount, request)).account == sold
    told = await office.published(invoice_events_pb2.AccountChanged)
    resellers = {body.code: body.reseller_account_id for body, _, _ in told}
    assert resellers == {"reseller": "", "sold": reseller.account_id}


async def test_a_reseller_is_an_account_of_the_same_tenant(office: Office) -> None:
    """Neither nobody nor another tenant's account can be charged for a call."""
    globex = office.of("globex")
    stranger = await globex.account(await globex.found(), await globex.customer())
    entity, customer = await office.found(), await office.customer()
    for reseller_id in (new_uuid(), stranger.account_id):
        with pytest.raises(DomainError, match="RESELLER_NOT_FOUND"):
            await office.account(entity, customer, reseller_account_id=reseller_id)


async def test_at_most_eight_resellers_stand_above_an_account(office: Office) -> None:
    """Each is charged for every call, so the chain has an end."""
    entity, customer = await office.found(), await office.customer()
    reseller_id = ""
    for level in range(RESELLER_LEVELS_MAX + 1):
        account = await office.account(
            entity, customer, f"level-{level}", reseller_account_id=reseller_id
        )
        reseller_id = account.account_id
    with pytest.raises(DomainError, match="RESELLER_CHAIN_TOO_LONG"):
        await office.account(entity, customer, "too-low", reseller_account_id=reseller_id)


async def test_an_account_starts_with_a_whole_period(office: Office) -> None:
    """Wanted from the middle of October, it starts with October in its own zone."""
    account = await office.opened()
    assert account.start_time == time_to_proto(OCTOBER.start)
    request = pb.ListBillingPeriodsRequest(account_id=account.account_id)
    answer = await office.call(office.invoices.ListBillingPeriods, request)
    [period] = answer.billing_periods
    assert period.span.end_time == time_to_proto(OCTOBER.end)


async def test_what_belongs_to_an_account_is_told_on_its_payers_partition(office: Office) -> None:
    """So that a change stays in order with the usage of whoever pays."""
    head = await office.opened()
    branch = await office.account(
        customer_pb2.LegalEntity(legal_entity_id=head.legal_entity_id),
        customer_pb2.Customer(customer_id=head.customer_id),
        "A-2",
        payer_account_id=head.account_id,
    )
    await office.line(branch.account_id, "ada", NOON)
    await office.subscribe(branch.account_id, NOON)
    expected = partition_of("acme", head.account_id)
    for kind in (
        invoice_events_pb2.AccountChanged,
        invoice_events_pb2.LineChanged,
        invoice_events_pb2.SubscriptionChanged,
    ):
        told = await office.published(kind)
        assert {partition for _, partition, _ in told} == {expected}
    [(line, _, _)] = await office.published(invoice_events_pb2.LineChanged)
    assert line.payer_account_id == head.account_id


async def test_an_identifier_belongs_to_one_line_at_a_time(office: Office) -> None:
    """When the first line ends, the identifier is free from that instant on, not before."""
    account = await office.opened()
    first = await office.line(account.account_id, "ada", OCTOBER.start)
    with pytest.raises(DomainError, match="LINE_OVERLAPS"):
        await office.line(account.account_id, "ada", NOVEMBER.start)
    end = pb.EndLineRequest(line_id=first.line_id, end_time=time_to_proto(NOVEMBER.start))
    await office.call(office.customers.EndLine, end)
    told = [body for body, _, _ in await office.published(invoice_events_pb2.LineChanged)]
    assert told[-1].validity.end_time == time_to_proto(NOVEMBER.start)
    await office.line(account.account_id, "ada", NOVEMBER.start)
    with pytest.raises(DomainError, match="LINE_OVERLAPS"):
        await office.call(
            office.customers.EndLine,
            pb.EndLineRequest(line_id=first.line_id, end_time=time_to_proto(DECEMBER_START)),
        )


async def test_a_line_cannot_end_before_it_starts(office: Office) -> None:
    """The mistake is told with the start."""
    account = await office.opened()
    line = await office.line(account.account_id, "ada", NOON)
    request = pb.EndLineRequest(line_id=line.line_id, end_time=time_to_proto(OCTOBER.start))
    with pytest.raises(DomainError, match="INVALID_FIELDS"):
        await office.call(office.customers.EndLine, request)


async def test_of_many_who_want_one_identifier_at_once_one_gets_it(office: Office) -> None:
    """Whatever the database does at the same time."""
    account = await office.opened()
    attempts = [asyncio.create_task(office.line(account.account_id, "ada", NOON)) for _ in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, DomainError)]
    assert {each.reason for each in refused} == {"LINE_OVERLAPS"}
    assert len(refused) == 7


async def test_of_many_subscriptions_at_once_one_is_made(office: Office) -> None:
    """A call must never find two plans."""
    account = await office.opened()
    attempts = [asyncio.create_task(office.subscribe(account.account_id, NOON)) for _ in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, DomainError)]
    assert {each.reason for each in refused} == {"SUBSCRIPTION_OVERLAPS"}
    assert len(refused) == 7


async def test_a_plan_may_be_in_another_currency(office: Office) -> None:
    """Rating exchanges its prices into the account's currency, which is for ever."""
    account = await office.opened()
    subscription = await office.subscribe(account.account_id, NOON, currency="USD")
    assert subscription.account_id == account.account_id


async def test_a_subscription_that_ended_makes_room_for_the_next(office: Office) -> None:
    """One ends where the other begins."""
    account = await office.opened()
    first = await office.subscribe(account.account_id, OCTOBER.start)
    request = pb.EndSubscriptionRequest(
        subscription_id=first.subscription_id, end_time=time_to_proto(NOVEMBER.start)
    )
    await office.call(office.customers.EndSubscription, request)
    await office.subscribe(account.account_id, NOVEMBER.start)
    told = await office.published(invoice_events_pb2.SubscriptionChanged)
    assert len(told) == 3


async def test_an_erased_customer_cannot_be_read_again(office: Office) -> None:
    """The key is gone and with it the name, the address and the mail address; the id stays."""
    entity = await office.found()
    customer = await office.customer()
    account = await office.account(entity, customer)
    request = pb.EraseCustomerRequest(customer_id=customer.customer_id)
    await office.call(office.customers.EraseCustomer, request)
    read = pb.GetCustomerRequest(customer_id=customer.customer_id)
    found = (await office.call(office.customers.GetCustomer, read)).customer
    assert (found.display_name.text, found.display_name.erased) == ("", True)
    assert (found.email.text, found.external_id) == ("", "CRM-1")
    [(erased, partition, _)] = await office.published(invoice_events_pb2.CustomerErased)
    assert erased.customer_id == customer.customer_id
    assert erased.account_ids == [account.account_id]
    assert partition == partition_of("acme", customer.customer_id)


async def test_no_event_tells_who_a_customer_is(office: Office) -> None:
    """Names stay here."""
    await office.found()
    await office.customer()
    [(event, _, _)] = await office.published(invoice_events_pb2.CustomerChanged)
    assert b"Ada" not in event.SerializeToString()


async def test_lists_come_in_pages_without_losing_any(office: Office) -> None:
    """Five customers in pages of two, by external id."""
    await office.found()
    for number in (3, 1, 5, 2, 4):
        await office.customer(f"CRM-{number}")
    seen, token = [], ""
    while True:
        request = pb.ListCustomersRequest(page_size=2, page_token=token)
        page = await office.call(office.customers.ListCustomers, request)
        seen.append([customer.external_id for customer in page.customers])
        token = page.next_page_token
        if not token:
            break
    assert seen == [["CRM-1", "CRM-2"], ["CRM-3", "CRM-4"], ["CRM-5"]]
