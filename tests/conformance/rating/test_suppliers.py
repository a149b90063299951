"""Calls are handed to suppliers; whatever these were stays known, because it decides costs."""

from typing import Any

import pytest

from chassis.database.engine import Database
from chassis.grpc.convert import time_from_proto
from kernel.clock import EPOCH, to_micros
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.domain.plans.conditions import Jurisdiction, Relation
from services.rating.store.line_numbers import number_owners
from tests.conformance.rating.carriers import Carriers, request_for
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import NOON
from tollbook.invoice.v1.customer_pb2 import LineKind
from tollbook.invoice.v1.invoice_events_pb2 import LineChanged
from tollbook.rating.v1 import supplier_service_pb2 as messages

NEW_YORK, BUFFALO = "12125550100", "17165550100"


@pytest.fixture
def carriers(desk: Desk) -> Carriers:
    return Carriers(desk)


async def test_a_supplier_gets_its_currency_from_its_decks(carriers: Carriers) -> None:
    """And is there for everyone who asks."""
    created = await carriers.supply("north", "0.01", "USD", quality=80, weight=7)
    assert created.currency_code == "USD"
    assert (created.revision, created.quality, created.weight) == (1, 80, 7)
    assert time_from_proto(created.effective_time) is None
    assert await carriers.get(created.supplier_id) == created


async def test_a_change_is_the_next_revision_and_names_what_it_changes(carriers: Carriers) -> None:
    """What the mask does not name stays; the old revision stays known."""
    created = await carriers.supply("north", "0.01")
    changed = (await carriers.update(created, "quality", quality=90, weight=1)).supplier
    assert (changed.revision, changed.quality, changed.weight) == (2, 90, 100)
    moment = time_from_proto(changed.effective_time)
    assert moment is not None
    assert moment > EPOCH

    request = messages.ListSupplierRevisionsRequest(supplier_id=created.supplier_id, page_size=1)
    newest = await carriers.suppliers.ListSupplierRevisions(request, None)
    request.page_token = newest.next_page_token
    oldest = await carriers.suppliers.ListSupplierRevisions(request, None)
    assert [*newest.suppliers, *oldest.suppliers] == [changed, created]
    assert not oldest.next_page_token


async def test_a_change_to_what_is_already_there_is_none(carriers: Carriers) -> None:
    """A job may send the same supplier every day."""
    created = await carriers.supply("north", "0.01")
    assert (await carriers.update(created, "quality", quality=50)).supplier == created


async def test_a_check_keeps_nothing(carriers: Carriers) -> None:
    """It answers as the real thing would."""
    deck_id = await carriers.publish_deck("north", "0.01")
    request = request_for("north", [deck_id], validate_only=True)
    checked = (await carriers.suppliers.CreateSupplier(request, None)).supplier
    assert checked.currency_code == "EUR"
    created = await carriers.create("north", [deck_id])

    change = messages.UpdateSupplierRequest(
        supplier=created, request_id=new_uuid(), validate_only=True
    )
    change.supplier.weight = 3
    assert (await carriers.suppliers.UpdateSupplier(change, None)).supplier.weight == 3
    assert await carriers.get(created.supplier_id) == created


async def test_suppliers_are_listed_by_code_in_pages(carriers: Carriers) -> None:
    """Each once."""
    deck_id = await carriers.publish_deck("all", "0.01")
    for code in ("c", "a", "b"):
        await carriers.create(code, [deck_id])
    request = messages.ListSuppliersRequest(page_size=2)
    first = await carriers.suppliers.ListSuppliers(request, None)
    request.page_token = first.next_page_token
    second = await carriers.suppliers.ListSuppliers(request, None)
    assert [each.code for each in (*first.suppliers, *second.suppliers)] == ["a", "b", "c"]
    assert not second.next_page_token


async def test_a_trunk_that_was_given_up_may_go_to_another(carriers: Carriers) -> None:
    """It leads to one supplier at a time."""
    north = await carriers.supply("north", "0.01", trunks=["shared"])
    with pytest.raises(DomainError, match=r"'shared' leads to supplier 'north'") as error:
        await carriers.supply("south", "0.01", trunks=["shared"])
    assert error.value.reason == "TRUNK_TAKEN"
    await carriers.update(north, trunks=[])
    south = await carriers.create("south", list(north.rate_deck_ids), trunks=["shared"])
    tariff = await carriers.desk.database.read(
        lambda connection: carriers.desk.tariffs.current(connection, carriers.desk.tenant_id)
    )
    # The change is minutes old at most, so at noon of a day in the past it was still north's.
    assert tariff.supplier_of_trunk("shared", to_micros(NOON)) == north.supplier_id
    moment = time_from_proto((await carriers.get(north.supplier_id)).effective_time)
    assert moment is not None
    assert tariff.supplier_of_trunk("shared", to_micros(moment)) == south.supplier_id


async def test_suppliers_of_tenants_are_apart(carriers: Carriers, database: Database) -> None:
    """Their codes, trunks and ids mean nothing to others."""
    north = await carriers.supply("north", "0.01")
    other = Carriers(Desk(database, tenant_id="other"))
    await other.desk.set_up()
    await other.supply("north", "0.02")
    with pytest.raises(DomainError, match="SUPPLIER_NOT_FOUND"):
        await other.get(north.supplier_id)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"code": ""}, "INVALID_CODE"),
        ({"display_name": ""}, "INVALID_NAME"),
        ({"supplier_id": "north"}, "INVALID_ID"),
        ({"rate_deck_ids": []}, "INVALID_SUPPLIER"),
        ({"rate_deck_ids": [new_uuid()]}, "RATE_DECK_NOT_FOUND"),
        ({"quality": 101}, "INVALID_SUPPLIER"),
        ({"weight": 1_001}, "INVALID_SUPPLIER"),
        ({"trunks": ["t", "t"]}, "INVALID_SUPPLIER"),
        ({"trunks": [""]}, "INVALID_CODE"),
        ({"code": "known"}, "SUPPLIER_CODE_TAKEN"),
        ({"trunks": ["known-1"]}, "TRUNK_TAKEN"),
    ],
)
async def test_a_bad_supplier_is_refused_with_its_reason(
    carriers: Carriers, fields: dict[str, Any], reason: str
) -> None:
    """And leaves nothing behind."""
    known = await carriers.supply("known", "0.01")
    with pytest.raises(DomainError) as error:
        await carriers.create("north", list(known.rate_deck_ids), **fields)
    assert error.value.reason == reason
    response = await carriers.suppliers.ListSuppliers(messages.ListSuppliersRequest(), None)
    assert list(response.suppliers) == [known]


async def test_decks_of_two_currencies_make_no_supplier(carriers: Carriers) -> None:
    """Its costs are in one, and stay in it."""
    euro = await carriers.publish_deck("euro", "0.01")
    dollar = await carriers.publish_deck("dollar", "0.01", currency="USD")
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await carriers.create("north", [euro, dollar])
    north = await carriers.create("north", [euro])
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await carriers.update(north, rate_deck_ids=[dollar])
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await carriers.update(north, rate_deck_ids=[euro, dollar])


@pytest.mark.parametrize(
    ("paths", "changes", "reason"),
    [
        (["code"], {}, "INVALID_FIELD_MASK"),
        (["currency_code"], {}, "INVALID_FIELD_MASK"),
        (["display_name"], {"display_name": ""}, "INVALID_NAME"),
        (["quality"], {"quality": 101}, "INVALID_SUPPLIER"),
        (["rate_deck_ids"], {"rate_deck_ids": []}, "INVALID_SUPPLIER"),
        (["weight"], {"supplier_id": new_uuid()}, "SUPPLIER_NOT_FOUND"),
    ],
)
async def test_a_bad_change_is_refused_with_its_reason(
    carriers: Carriers, paths: list[str], changes: dict[str, Any], reason: str
) -> None:
    """The supplier stays as it was."""
    known = await carriers.supply("known", "0.01")
    with pytest.raises(DomainError) as error:
        await carriers.update(known, *paths, **changes)
    assert error.value.reason == reason
    assert await carriers.get(known.supplier_id) == known


async def test_a_plan_and_a_supplier_never_have_one_id(carriers: Carriers) -> None:
    """A supplier is priced as a plan of its own, so whichever comes second is refused."""
    supplier = await carriers.supply("north", "0.01")
    with pytest.raises(DomainError, match="PLAN_CODE_TAKEN"):
        await carriers.desk.create_plan(plan_id=supplier.supplier_id, code="north")
    with pytest.raises(DomainError, match="SUPPLIER_CODE_TAKEN"):
        await carriers.create(
            "south", list(supplier.rate_deck_ids), supplier_id=carriers.desk.plan_id, trunks=[]
        )


async def test_numbering_areas_are_replaced_as_a_whole(carriers: Carriers) -> None:
    """And calls are told apart by the new ones from then on."""

    async def jurisdiction() -> Jurisdiction:
        tariff = await carriers.desk.database.read(
            lambda connection: carriers.desk.tariffs.current(connection, "acme")
        )
        return tariff.numbering.jurisdiction(NEW_YORK, BUFFALO)

    assert await jurisdiction() is Jurisdiction.INTRASTATE
    assert await carriers.import_areas("prefix,state\n1212555,NJ\n1201,NJ\n") == 2
    assert await jurisdiction() is Jurisdiction.INTERSTATE
    assert await carriers.import_areas("1201,NY\n1202,DC\n1203,CT\n", validate_only=True) == 3
    request = messages.ListNumberingAreasRequest(page_size=1)
    first = await carriers.numbering.ListNumberingAreas(request, None)
    request.page_token = first.next_page_token
    second = await carriers.numbering.ListNumberingAreas(request, None)
    rows = [(each.prefix, each.state) for each in (*first.areas, *second.areas)]
    assert rows == [("1201", "NJ"), ("1212555", "NJ")]
    assert not second.next_page_token
    assert await carriers.import_areas("") == 0
    assert await jurisdiction() is Jurisdiction.INTRASTATE


async def test_a_bad_numbering_file_changes_nothing(carriers: Carriers) -> None:
    """It is refused with the line."""
    await carriers.import_areas("1201,NY\n")
    with pytest.raises(DomainError, match="INVALID_NUMBERING_AREA: content: line 2"):
        await carriers.import_areas("1202,DC\n1203,XX\n")
    listed = await carriers.numbering.ListNumberingAreas(messages.ListNumberingAreasRequest(), None)
    assert [each.prefix for each in listed.areas] == ["1201"]


async def test_numbers_belong_to_whom_invoice_says(desk: Desk) -> None:
    """A line that changes is whose it is now; only numbers have a relation."""
    line = LineChanged(
        line_id=new_uuid(),
        account_id=desk.account_id,
        payer_account_id=desk.account_id,
        kind=LineKind.LINE_KIND_NUMBER,
        identifier=NEW_YORK,
    )
    await desk.hear(line)
    await desk.know_account("child", payer_account_id="parent")
    await desk.hear(
        LineChanged(
            line_id=new_uuid(),
            account_id="child",
            payer_account_id="child",
            kind=LineKind.LINE_KIND_NUMBER,
            identifier=BUFFALO,
        )
    )
    await desk.hear(
        LineChanged(
            line_id=new_uuid(),
            account_id=desk.account_id,
            kind=LineKind.LINE_KIND_SIP_USER,
            identifier="31",
        )
    )

    owners = await desk.database.read(
        lambda connection: number_owners(connection, "acme", [NEW_YORK, BUFFALO, "31"])
    )
    noon = to_micros(NOON)
    assert owners.relation(desk.account_id, NEW_YORK, noon) is Relation.SAME_ACCOUNT
    assert owners.relation("child", NEW_YORK, noon) is Relation.ON_NET
    assert owners.payer_at(BUFFALO, noon) == "parent"
    assert owners.payer_at("31", noon) is None

    line.account_id = line.payer_account_id = "child"
    await desk.hear(line)
    owners = await desk.database.read(
        lambda connection: number_owners(connection, "acme", [NEW_YORK])
    )
    assert owners.payer_at(NEW_YORK, noon) == "parent"
