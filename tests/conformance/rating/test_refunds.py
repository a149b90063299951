"""A refund gives back what the parties of a call that are asked for were charged for it."""

import asyncio

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.rating.carriers import Carriers
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, euros, seconds_later
from tests.conformance.rating.test_counters import give, minutes, tiers
from tests.conformance.rating.test_parties import TRUNK_WHOLESALE, WHOLESALE, explained, reseller
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.charge_pb2 import CHARGE_KIND_VOLUME_ADJUSTMENT, Charge
from tollbook.rating.v1.plan_pb2 import VOLUME_MODE_WHOLE_VOLUME
from tollbook.rating.v1.rating_service_pb2 import ListPlansRequest
from tollbook.type.v1.call_pb2 import (
    PARTY_CUSTOMER,
    PARTY_RESELLER,
    PARTY_SUPPLIER,
    PARTY_UNSPECIFIED,
    Party,
)
from tools.check_receipt import check

ALL = (PARTY_CUSTOMER, PARTY_RESELLER, PARTY_SUPPLIER)


@pytest.fixture
def carriers(desk: Desk) -> Carriers:
    """Suppliers of the tenant."""
    return Carriers(desk)


async def refund(
    desk: Desk, charge: Charge, *others: Party.ValueType
) -> messages.RefundChargeResponse:
    """Give a charge back, and with it what other parties are charged."""
    request = messages.RefundChargeRequest(
        charge_id=charge.charge_id, other_parties=others, request_id=new_uuid()
    )
    return await desk.usage.RefundCharge(request, None)


async def call_of_a_chain(desk: Desk, carriers: Carriers) -> Charge:
    """A minute: the customer pays 0.06, two resellers 0.05 and 0.04, and it costs us 0.03."""
    top = await reseller(desk, WHOLESALE, "wholesale")
    middle = await reseller(desk, TRUNK_WHOLESALE, "trunks", above=top)
    await desk.know_account(desk.account_id, reseller_account_id=middle)
    await carriers.supply("north", "0.03", trunks=["gw-north"])
    await desk.collect(desk.call(egress_trunk="gw-north"))
    return await desk.charge()


async def margins(desk: Desk, charge: Charge) -> list[int]:
    """The margins of a call in thousandths, from the customer up; the supplier has none."""
    answer = await explained(desk, charge)
    chain = [each for each in (answer.charge, *answer.other_parties) if each.HasField("margin")]
    return [each.margin.nanos // 1_000_000 for each in chain]


async def test_a_refund_to_the_customer_alone_is_our_loss(desk: Desk, carriers: Carriers) -> None:
    """Goodwill: resellers still pay, the supplier is still paid, and the margin says so."""
    charge = await call_of_a_chain(desk, carriers)
    assert await margins(desk, charge) == [10, 10, 10]
    answer = await refund(desk, charge)
    assert (euros([answer.charge]), list(answer.other_charges)) == (["0.0000"], [])
    assert await margins(desk, charge) == [-50, 10, 10]


async def test_every_party_that_is_asked_for_gets_its_charge_back(
    desk: Desk, carriers: Carriers
) -> None:
    """A call that never was: nobody pays, it costs nothing, and no margin is left of it."""
    charge = await call_of_a_chain(desk, carriers)
    answer = await refund(desk, charge, *ALL)
    others = [(each.party, each.party_level) for each in answer.other_charges]
    assert others == [(PARTY_RESELLER, 1), (PARTY_RESELLER, 2), (PARTY_SUPPLIER, 0)]
    given_back = [answer.charge, *answer.other_charges]
    assert euros(given_back) == ["0.0000"] * 4
    assert {each.receipt.free for each in given_back} == {"REFUNDED"}
    assert await margins(desk, charge) == [0, 0, 0]
    assert sum(await desk.deltas()) == 0


async def test_resellers_get_theirs_back_while_the_supplier_is_paid(
    desk: Desk, carriers: Carriers
) -> None:
    """The supplier has not credited the call: its cost stands, at the cost of the highest level."""
    charge = await call_of_a_chain(desk, carriers)
    answer = await refund(desk, charge, PARTY_RESELLER)
    assert {each.party for each in answer.other_charges} == {PARTY_RESELLER}
    assert await margins(desk, charge) == [0, 0, -30]


async def test_a_refund_goes_on_where_a_former_one_ended(desk: Desk, carriers: Carriers) -> None:
    """The supplier credits later: what was given back before is not given back again."""
    charge = await call_of_a_chain(desk, carriers)
    await refund(desk, charge, PARTY_RESELLER)
    answer = await refund(desk, charge, *ALL)
    assert [each.revision for each in (answer.charge, *answer.other_charges)] == [2, 2, 2, 2]
    assert await margins(desk, charge) == [0, 0, 0]
    assert sum(await desk.deltas()) == 0


async def test_a_reseller_s_charge_may_be_named_too(desk: Desk, carriers: Carriers) -> None:
    """Asked from the middle, the customer is another party; so is the reseller above."""
    charge = await call_of_a_chain(desk, carriers)
    [middle, *_] = (await explained(desk, charge)).other_parties
    answer = await refund(desk, middle, PARTY_CUSTOMER, PARTY_RESELLER)
    assert answer.charge.charge_id == middle.charge_id
    assert [each.party for each in answer.other_charges] == [PARTY_CUSTOMER, PARTY_RESELLER]


async def test_each_charge_is_given_back_once_however_many_ask_at_once(
    desk: Desk, carriers: Carriers
) -> None:
    """From the customer, from the middle and from the top, each with all others."""
    charge = await call_of_a_chain(desk, carriers)
    chain = [charge, *(await explained(desk, charge)).other_parties]
    await asyncio.gather(*(refund(desk, each, *ALL) for each in chain * 2))
    after = [(await explained(desk, each)).charge for each in chain]
    assert [(each.revision, each.amount.nanos) for each in after] == [(2, 0)] * 4
    assert sum(await desk.deltas()) == 0
    assert await margins(desk, charge) == [0, 0, 0]


async def test_a_refund_after_the_seal_leaves_the_volume_adjustment_to_a_refund_of_its_own(
    desk: Desk,
) -> None:
    """A call gives back what its line says, a gift takes no tier away; a whole period all of it."""
    await give(desk, volume_tiers=[tiers(VOLUME_MODE_WHOLE_VOLUME)])
    await desk.collect(desk.call(seconds=90), desk.call(seconds=90, start=seconds_later(NOON, 1)))
    seal = await desk.seal()
    adjustment, *calls = sorted(await desk.charges(), key=lambda charge: charge.amount.nanos)
    assert adjustment.receipt.kind == CHARGE_KIND_VOLUME_ADJUSTMENT
    given_back = [(await refund(desk, each)).charge for each in calls]
    assert [each.correction for each in given_back] == [True, True]
    assert adjustment in await desk.charges()
    assert sum(await desk.deltas()) == -90_000
    for _ in range(2):
        taken_back = (await refund(desk, adjustment)).charge
        assert (taken_back.revision, check(taken_back.receipt.content)) == (2, [])
    assert sum(await desk.deltas()) == 0
    assert await desk.seal() == seal


async def test_the_bundle_of_a_reseller_gets_its_minutes_back(desk: Desk) -> None:
    """Each party's counters are its own."""
    seller = await reseller(desk, WHOLESALE, "wholesale")
    retail, desk.plan_id = desk.plan_id, (await plan_of(desk, "wholesale"))
    await desk.publish_terms(seconds_later(BEGINNING, 86_400), bundles=[minutes(2)])
    desk.plan_id = retail
    await desk.know_account(desk.account_id, reseller_account_id=seller)
    await desk.collect(desk.call(seconds=60))
    assert await desk.standing(seller) == {"minutes": (120, 60)}
    await refund(desk, await desk.charge(), PARTY_RESELLER)
    assert await desk.standing(seller) == {"minutes": (120, 0)}


async def test_a_party_without_a_price_has_nothing_to_give_back(
    desk: Desk, carriers: Carriers
) -> None:
    """All that is asked for or nothing: the customer keeps the charge until that is settled."""
    await carriers.supply("north", "0.03", prefix="49", trunks=["gw-north"])
    await desk.collect(desk.call(egress_trunk="gw-north"))
    charge = await desk.charge()
    with pytest.raises(DomainError, match="CHARGE_NOT_REFUNDABLE") as refused:
        await refund(desk, charge, PARTY_SUPPLIER)
    assert "SUPPLIER" in refused.value.message
    assert euros([await desk.charge()]) == ["0.0600"]
    assert euros([(await refund(desk, charge)).charge]) == ["0.0000"]


async def test_a_refund_that_is_only_validated_gives_nothing_back(
    desk: Desk, carriers: Carriers
) -> None:
    """It answers what would be given back to whom; everybody is charged as before."""
    charge = await call_of_a_chain(desk, carriers)
    request = messages.RefundChargeRequest(
        charge_id=charge.charge_id, other_parties=ALL, request_id=new_uuid(), validate_only=True
    )
    answer = await desk.usage.RefundCharge(request, None)
    assert euros([answer.charge, *answer.other_charges]) == ["0.0000"] * 4
    assert await desk.charge() == charge
    assert await margins(desk, charge) == [10, 10, 10]
    assert sum(await desk.deltas()) == 150_000


async def test_the_party_of_a_refund_must_be_one(desk: Desk) -> None:
    """An unset party is nobody."""
    await desk.collect(desk.call())
    with pytest.raises(DomainError, match="INVALID_PARTY"):
        await refund(desk, await desk.charge(), PARTY_UNSPECIFIED)


async def plan_of(desk: Desk, code: str) -> str:
    """The id of a plan by its code."""
    plans = (await desk.plans.ListPlans(ListPlansRequest(), None)).plans
    [plan_id] = [each.plan_id for each in plans if each.code == code]
    return plan_id
