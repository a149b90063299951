"""Two tenants with the same codes and call keys: by no method does one meet the other."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio

from chassis import columns
from chassis.grpc.client import acting_for
from kernel.clock import to_micros
from kernel.errors import DomainError, ErrorKind
from tests.e2e.own_prices import OWN_AREA, OWN_STATE, SETUP_FEE
from tests.e2e.two_tenants import (
    AURORA,
    BOREALIS,
    LISTS,
    METHODS,
    OF_ONE_TENANT,
    WITH_IDS,
    World,
    choices_of,
)
from tests.support.methods import Method, ids_in
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite, fact
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import supplier_service_pb2 as supplier
from tollbook.rating.v1 import supplier_service_pb2_grpc as supplier_grpc
from tollbook.rating.v1 import tariff_service_pb2 as tariff
from tollbook.rating.v1 import tariff_service_pb2_grpc as tariff_grpc

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

# Nothing is a good answer to a list and to a retry of what there is; of several items each is
# answered for itself. A switch is answered that its call is refused. A block may come before its
# account.
MAY_ANSWER = {method.descriptor.name for method in OF_ONE_TENANT if method.is_list} | {
    "RetryUnratedCalls",
    "RetrySuspendedRecords",
    "PriceCalls",
    "PriceCallStream",
    "ChargeUsages",
    "OpenSession",
    "BlockAccount",
    "UnblockAccount",
}
# What another service, or the payer, calls a thing: kept as a name, and nothing is looked up by it.
ONLY_NAMES = {
    ("ChargeRecurringFee", "subscription_id"),
    ("CollectPayment", "invoice_id"),
    ("RecordPayment", "invoice_id"),
    ("WriteOffDebt", "invoice_id"),
}
# Shows what was answered while a database was away; none is taken away here.
SHOWS_OUTAGES = "ListOfflineAnswers"
WITH_SEVERAL_IDS = [method for method in WITH_IDS if len(method.ids) > 1]
PAGE_SIZE = 500


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(suite: Suite) -> World:
    """Both tenants with one of each thing that there is."""
    terms = {"fees": [SETUP_FEE]}
    tenants = {name: Operator(suite, name, terms=terms) for name in (AURORA, BOREALIS)}
    world = World(suite, tenants)
    await world.set_up()
    return world


async def test_no_list_shows_anything_of_another_tenant(world: World) -> None:
    """Each list shows its own tenant something, and nothing that is in the other's lists."""
    strangers = {value for values in world.ids[AURORA].values() for value in values}
    borealis = await world.listed(BOREALIS)
    for method in LISTS:
        shown = borealis[str(method)]
        is_filled = any(page.ListFields() for page in shown)
        assert is_filled or method.descriptor.name == SHOWS_OUTAGES, f"{method} proves nothing"
        assert not {value for page in shown for _, value in ids_in(page)} & strangers, method


@pytest.mark.parametrize("method", WITH_IDS, ids=str)
async def test_an_id_of_another_tenant_opens_nothing(world: World, method: Method) -> None:
    """Who names it is refused, or told nothing that was not in the question."""
    strangers = {value for values in world.ids[AURORA].values() for value in values}
    channel = world.suite.channel(method.service, BOREALIS)
    refusals: list[ErrorKind] = []
    for chosen in choices_of(method.ids, world.ids[AURORA]):
        try:
            answers = await method.call(channel, method.request(chosen))
        except DomainError as error:
            refusals.append(error.kind)
            continue
        assert method.descriptor.name in MAY_ANSWER
        told = {value for answer in answers for _, value in ids_in(answer)}
        assert not (told - set(chosen.values())) & strangers
    assert set(refusals) <= {ErrorKind.NOT_FOUND}


@pytest.mark.parametrize("method", WITH_SEVERAL_IDS, ids=str)
async def test_nothing_is_hung_on_what_belongs_to_another_tenant(
    world: World, method: Method
) -> None:
    """A subscription to another's plan, a supplier with another's deck: all else is its own."""
    own, other = (
        {kind: min(world.ids[name][kind]) for kind in method.ids} for name in (BOREALIS, AURORA)
    )
    channel = world.suite.channel(method.service, BOREALIS)
    for kind in method.ids:
        if (method.descriptor.name, kind) in ONLY_NAMES:
            continue
        mixed = {**own, kind: other[kind]}
        with pytest.raises(DomainError) as refused:
            await method.call(channel, method.request(mixed))
        assert (kind, refused.value.kind) == (kind, ErrorKind.NOT_FOUND)


async def test_what_others_tried_has_changed_nothing(world: World) -> None:
    """Every method that takes an id is tried with the other tenant's; its lists stay the same."""
    before = await world.listed(AURORA)
    for method in WITH_IDS:
        channel = world.suite.channel(method.service, BOREALIS)
        for chosen in choices_of(method.ids, world.ids[AURORA]):
            await asyncio.gather(
                method.call(channel, method.request(chosen)), return_exceptions=True
            )
    await world.tenants[BOREALIS].known_everywhere()
    assert await world.listed(AURORA) == before


async def test_an_account_of_another_tenant_has_no_price_in_columns_either(world: World) -> None:
    """Ids in columns are no fields of a message, so they are asked for here."""
    accounts = [world.tenants[name].accounts["desk-1"] for name in (AURORA, BOREALIS)]
    table = {
        "account_id": columns.dictionary(accounts),
        "callee": columns.text(["31612345678"] * 2),
        "start_time": columns.int64([to_micros(MONTH)] * 2),
        "duration": columns.int64([60_000] * 2),
    }
    prices = world.suite.stub(rating_grpc.RatingServiceStub, BOREALIS)
    request = rating.PriceCallColumnsRequest(calls=columns.encode(table, 2))
    priced = columns.decode((await prices.PriceCallColumns(request)).prices)
    assert list(priced.dictionary("reason")) == ["UNKNOWN_ACCOUNT", "ACCOUNT_BLOCKED"]


@pytest.mark.parametrize("tenant", [AURORA, BOREALIS])
async def test_tables_without_ids_are_each_tenants_own(world: World, tenant: str) -> None:
    """Both have a rate of the same pair and time, and say of one area code where it is."""
    areas = world.suite.stub(supplier_grpc.NumberingServiceStub, tenant)
    table = await areas.ListNumberingAreas(supplier.ListNumberingAreasRequest())
    assert [(each.prefix, each.state) for each in table.areas] == [(OWN_AREA, OWN_STATE[tenant])]
    rates = world.suite.stub(tariff_grpc.ExchangeRateServiceStub, tenant)
    page = await rates.ListExchangeRates(tariff.ListExchangeRatesRequest())
    assert [each.source for each in page.exchange_rates] == [f"the bank of {tenant}"]


@pytest.mark.parametrize("method", OF_ONE_TENANT, ids=str)
async def test_a_method_about_one_tenant_asks_which(world: World, method: Method) -> None:
    """The operator of all tenants has to say whom it acts for, and one tenant is no other.

    What only services may do, the operator may not do at all.
    """
    request = method.empty_request()
    with pytest.raises(DomainError, match=r"TENANT_REQUIRED|SCOPE_MISSING"):
        await method.call(world.suite.channel(method.service, "*"), request)
    with acting_for(AURORA), pytest.raises(DomainError, match="TENANT_MISMATCH"):
        await method.call(world.suite.channel(method.service, BOREALIS), request)


@pytest.mark.parametrize("method", [m for m in METHODS if m.spans_tenants], ids=str)
async def test_a_method_about_all_tenants_is_closed_to_each(world: World, method: Method) -> None:
    """A tenant's credential never sees figures of all."""
    channel = world.suite.channel(method.service, BOREALIS)
    with pytest.raises(DomainError) as refused:
        await method.call(channel, method.empty_request())
    assert refused.value.kind is ErrorKind.PERMISSION_DENIED


async def test_a_file_is_of_the_tenant_in_whose_folder_it_lies(world: World) -> None:
    """The same source code, the same record; only the folder tells whose call it is."""
    content = asterisk_csv(
        [PlacedCall("desk-1", "31612345678", MONTH + timedelta(hours=9), 60, "watched")]
    )
    folder = world.suite.installation.watch_folder / BOREALIS / "pbx"
    folder.mkdir(parents=True)
    (folder / "Master.csv").write_bytes(content)
    request = cdr.ListCallsRequest(page_size=PAGE_SIZE)
    calls = world.suite.stub(cdr_grpc.CallQueryServiceStub, BOREALIS)
    found = await fact(
        "the watched file is read",
        lambda: calls.ListCalls(request),
        lambda page: any(call.call_key.value == "watched" for call in page.calls),
    )
    account = world.tenants[BOREALIS].accounts["desk-1"]
    assert {call.account_id for call in found.calls} == {account}
    others = await world.suite.stub(cdr_grpc.CallQueryServiceStub, AURORA).ListCalls(request)
    assert not any(call.call_key.value == "watched" for call in others.calls)


async def test_invoice_numbers_and_chains_are_each_tenants_own(world: World) -> None:
    """Both count their invoices from one, and each chain of entries from one without a gap."""
    numbers = {}
    for tenant in (AURORA, BOREALIS):
        invoices = world.suite.stub(invoice_grpc.InvoiceServiceStub, tenant)
        page = await invoices.ListInvoices(invoice.ListInvoicesRequest())
        numbers[tenant] = [each.number for each in page.invoices]
        ledger = world.suite.stub(payment_grpc.LedgerServiceStub, tenant)
        entries = (
            await ledger.ListJournalEntries(payment.ListJournalEntriesRequest(page_size=PAGE_SIZE))
        ).journal_entries
        # One account, so one partition and one chain.
        places = sorted(entry.chain_sequence for entry in entries)
        assert places[0] == 1
        assert all(following - place == 1 for place, following in pairwise(places))
        assert {e.legal_entity_id for e in entries} == {world.tenants[tenant].legal_entity_id}
    assert numbers[AURORA] == numbers[BOREALIS] != []
