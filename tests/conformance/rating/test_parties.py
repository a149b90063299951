"""Customer, resellers and supplier of a call each have a charge of their own, and its margin."""

import pytest

from kernel.ids import new_uuid
from tests.conformance.rating.carriers import Carriers
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, euros, seconds_later
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.charge_pb2 import Charge
from tollbook.type.v1.call_pb2 import PARTY_CUSTOMER, PARTY_RESELLER, PARTY_SUPPLIER

WHOLESALE = "prefix,name,price,first,next\n31,Netherlands,0.04,1,1\n"
TRUNK_WHOLESALE = "prefix,name,price,first,next\n31,Netherlands,0.05,1,1\n"


@pytest.fixture
def carriers(desk: Desk) -> Carriers:
    """Suppliers of the tenant."""
    return Carriers(desk)


async def reseller(desk: Desk, sheet: str, code: str, above: str = "") -> str:
    """A reseller's account with a wholesale plan of its own."""
    account_id, plan_id, retail = new_uuid(), new_uuid(), (desk.plan_id, desk.deck_id)
    await desk.publish_deck(sheet, code)
    await desk.create_plan(plan_id=plan_id, code=code)
    desk.plan_id = plan_id
    await desk.publish_terms(BEGINNING)
    await desk.know_account(account_id, reseller_account_id=above)
    await desk.subscribe(account_id, plan_id)
    desk.plan_id, desk.deck_id = retail
    return account_id


async def explained(desk: Desk, charge: Charge) -> messages.ExplainChargeResponse:
    """The reasoning behind a charge."""
    request = messages.ExplainChargeRequest(charge_id=charge.charge_id)
    return await desk.charges_api.ExplainCharge(request, None)


async def test_each_level_of_resellers_is_charged_its_own_price(desk: Desk) -> None:
    """The customer pays 0.06 a minute, the reseller 0.05, the one above 0.04."""
    top = await reseller(desk, WHOLESALE, "wholesale")
    middle = await reseller(desk, TRUNK_WHOLESALE, "trunks", above=top)
    await desk.know_account(desk.account_id, reseller_account_id=middle)
    await desk.collect(desk.call())
    charges = [await desk.charge(each) for each in (desk.account_id, middle, top)]
    assert euros(charges) == ["0.0600", "0.0500", "0.0400"]
    assert [(each.party, each.party_level) for each in charges] == [
        (PARTY_CUSTOMER, 0),
        (PARTY_RESELLER, 1),
        (PARTY_RESELLER, 2),
    ]
    assert sum(await desk.deltas()) == 150_000


async def test_the_margin_of_each_party_is_stored(desk: Desk, carriers: Carriers) -> None:
    """What it pays less what the next one up is paid; a supplier's cost is no revenue."""
    top = await reseller(desk, WHOLESALE, "wholesale")
    await desk.know_account(desk.account_id, reseller_account_id=top)
    await carriers.supply("north", "0.03", trunks=["gw-north"])
    await desk.collect(desk.call(egress_trunk="gw-north"))
    answer = await explained(desk, await desk.charge())
    parties = [answer.charge, *answer.other_parties]
    assert [each.party for each in parties] == [PARTY_CUSTOMER, PARTY_RESELLER, PARTY_SUPPLIER]
    assert euros(parties) == ["0.0600", "0.0400", "0.0300"]
    assert [each.margin.nanos // 1_000 for each in parties[:2]] == [20_000, 10_000]
    assert not parties[2].HasField("margin")
    assert sum(await desk.deltas()) == 100_000


async def test_a_corrected_call_corrects_every_party(desk: Desk, carriers: Carriers) -> None:
    """A minute was two: revenue, cost and margin follow."""
    await carriers.supply("north", "0.03", trunks=["gw-north"])
    call = desk.call(egress_trunk="gw-north")
    await desk.collect(call)
    await desk.collect(call.corrected(seconds=120))
    answer = await explained(desk, await desk.charge())
    assert euros([answer.charge, *answer.other_parties]) == ["0.1200", "0.0600"]
    assert [each.revision for each in (answer.charge, *answer.other_parties)] == [2, 2]
    assert answer.charge.margin.nanos == 60_000_000


async def test_an_unanswered_call_costs_no_party_anything(desk: Desk, carriers: Carriers) -> None:
    """There is one charge, at nothing."""
    await carriers.supply("north", "0.03", trunks=["gw-north"])
    await desk.collect(desk.call(egress_trunk="gw-north", answered=False, seconds=0))
    answer = await explained(desk, await desk.charge())
    assert (euros([answer.charge]), list(answer.other_parties)) == (["0.0000"], [])


async def test_a_party_without_a_price_waits_alone(desk: Desk, carriers: Carriers) -> None:
    """A supplier without a rate for the call: the customer is charged, the margin unknown."""
    await carriers.supply("north", "0.03", prefix="49", trunks=["gw-north"])
    await desk.collect(desk.call(egress_trunk="gw-north"))
    answer = await explained(desk, await desk.charge())
    assert euros([answer.charge]) == ["0.0600"]
    assert [each.unrated_reason for each in answer.other_parties] == ["NO_RATE"]
    assert not answer.charge.HasField("margin")


async def test_calls_of_resellers_do_not_count_as_collected(desk: Desk) -> None:
    """Reconciliation compares records of cdr with charges of customers."""
    top = await reseller(desk, WHOLESALE, "wholesale")
    await desk.know_account(desk.account_id, reseller_account_id=top)
    calls = [desk.call(start=seconds_later(NOON, number)) for number in range(3)]
    await desk.collect(*calls)
    digest = await desk.digest()
    assert (digest.collected_count, digest.rated_count, digest.unrated_count) == (3, 3, 0)
    assert [(each.units, each.nanos) for each in digest.charged_amounts] == [(0, 300_000_000)]


async def test_a_call_that_moves_leaves_no_margin_behind(desk: Desk, carriers: Carriers) -> None:
    """It was the neighbour's: the cost is the neighbour's too, and nothing is earned here."""
    neighbour = new_uuid()
    await desk.know_account(neighbour)
    await desk.subscribe(neighbour, desk.plan_id)
    await carriers.supply("north", "0.03", trunks=["gw-north"])
    call = desk.call(egress_trunk="gw-north")
    await desk.collect(call)
    first = await desk.charge()
    await desk.collect(call.corrected(account_id=neighbour))
    answer = await explained(desk, await desk.charge(neighbour))
    assert answer.charge.margin.nanos == 30_000_000
    moved = await explained(desk, first)
    assert moved.charge.receipt.free == "MOVED"
    assert not moved.charge.HasField("margin")
