"""What an account may spend: limits, caps and thresholds, laid down and kept on real databases."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.database.engine import Database
from chassis.database.schema import outbox_table
from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.payment.api.funds import FundsApi
from services.payment.domain.ledger.account import Account, PaymentMode
from tests.conformance.payment.books import Books, account, usage
from tests.conformance.payment.holding import Teller, capture, micros_of, money, place, reason
from tollbook.payment.v1 import funds_service_pb2 as messages
from tollbook.payment.v1.payment_events_pb2 import BalanceLow, BalanceRecovered


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def lay_down(
    teller: Teller, payer: Account, mask: list[str] | None = None, **policy: Any
) -> messages.Funds:
    """Change the policy of an account; amounts in micros."""
    stated: dict[str, Any] = {
        name: [money(payer, each) for each in value]
        if isinstance(value, list)
        else money(payer, value)
        for name, value in policy.items()
    }
    request = messages.UpdateFundsPolicyRequest(
        account_id=payer.account_id,
        policy=messages.FundsPolicy(**stated),
        update_mask=FieldMask(paths=mask or []),
        request_id=new_uuid(),
    )
    answer = await FundsApi(Endpoint(teller.database)).UpdateFundsPolicy(request, None)
    return answer.funds


async def funds(teller: Teller, payer: Account) -> messages.Funds:
    request = messages.GetFundsRequest(account_id=payer.account_id)
    return (await FundsApi(Endpoint(teller.database)).GetFunds(request, None)).funds


async def told(teller: Teller) -> list[tuple[str, int]]:
    """What was told of thresholds, in order: low or recovered, and the threshold."""
    kinds = {kind.DESCRIPTOR.full_name: kind for kind in (BalanceLow, BalanceRecovered)}
    columns = outbox_table.c

    def work(connection: Any) -> list[tuple[str, int]]:
        query = outbox_table.select().where(columns.event_type.in_(kinds))
        return [
            (row.event_type.rpartition(".")[2], _threshold(kinds[row.event_type], row.body))
            for row in connection.execute(query.order_by(columns.sequence))
        ]

    return await teller.database.read(work)


def _threshold(kind: Any, body: bytes) -> int:
    return micros_of(kind.FromString(body).threshold)


async def test_funds_show_what_there_is_and_what_is_held(teller: Teller) -> None:
    """100 paid in, 30 held, 20 of credit: 90 are available."""
    payer = await teller.customer(100)
    await lay_down(teller, payer, credit_limit=20)
    await teller.one(place(payer, 30))
    shown = await funds(teller, payer)
    amounts = (shown.balance, shown.held, shown.available, shown.policy.credit_limit)
    assert [micros_of(each) for each in amounts] == [100, 30, 90, 20]
    assert not shown.HasField("spent_today")
    assert not shown.policy.HasField("daily_cap")


async def test_an_account_that_nothing_was_posted_to_has_nothing(teller: Teller) -> None:
    """It has no ledger account yet, only what it may owe."""
    payer = await teller.customer(0)
    shown = await funds(teller, payer)
    assert (micros_of(shown.available), micros_of(shown.held)) == (0, 0)
    assert reason(await teller.one(place(payer, 1))) == "INSUFFICIENT_FUNDS"
    await lay_down(teller, payer, credit_limit=5)
    assert not reason(await teller.one(place(payer, 5)))


async def test_a_credit_limit_holds_what_a_postpaid_account_may_owe(teller: Teller) -> None:
    """Without a limit anything goes; with 50, of which 30 are used, 20."""
    payer = account(PaymentMode.POSTPAID)
    await teller.announce(payer)
    await teller.deliver((usage([(payer, 30)]), payer))
    unlimited = await teller.one(place(payer, 10**12))
    assert not unlimited.HasField("available")
    assert not (await funds(teller, payer)).HasField("available")
    other = account(PaymentMode.POSTPAID)
    await teller.announce(other)
    await teller.deliver((usage([(other, 30)]), other))
    await lay_down(teller, other, credit_limit=50)
    assert reason(await teller.one(place(other, 21))) == "INSUFFICIENT_FUNDS"
    assert reason(await teller.one(place(other, 20))) == ""


async def test_a_cap_counts_what_was_spent_before_it_was_laid_down(teller: Teller) -> None:
    """25 used by records, 5 captured; a cap of 40 leaves 10, and 7 after 3 more."""
    payer = await teller.customer(1_000)
    await teller.deliver((usage([(payer, 25)]), payer))
    await teller.one(opening := place(payer, 5))
    await teller.one(capture(payer, opening.place.hold_id, 5))
    shown = await lay_down(teller, payer, daily_cap=40, monthly_cap=500)
    assert (micros_of(shown.spent_today), micros_of(shown.spent_this_month)) == (30, 30)
    assert reason(await teller.one(place(payer, 11))) == "SPEND_CAP_REACHED"
    await teller.deliver((usage([(payer, 3)]), payer))
    assert micros_of((await teller.one(place(payer, 8, minimum=1))).hold.held) == 7
    assert micros_of((await funds(teller, payer)).spent_today) == 33


async def test_a_mask_changes_what_it_names(teller: Teller) -> None:
    """The cap goes, the limit stays; without a mask all is taken as stated."""
    payer = await teller.customer(0)
    await lay_down(teller, payer, credit_limit=20, daily_cap=5, thresholds=[3])
    after = await lay_down(teller, payer, ["daily_cap"])
    assert not after.policy.HasField("daily_cap")
    assert micros_of(after.policy.credit_limit) == 20
    assert [micros_of(each) for each in after.policy.thresholds] == [3]
    assert not (await lay_down(teller, payer)).policy.HasField("credit_limit")


async def test_a_low_balance_is_told_once_and_again_after_it_recovered(teller: Teller) -> None:
    """100, thresholds 50 and 10: spent to 40, to 35, to 5; topped up to 45; spent to 9."""
    payer = await teller.customer(100)
    await lay_down(teller, payer, thresholds=[50, 10])
    for micros in (60, 5, 30):
        await teller.deliver((usage([(payer, micros)]), payer))
    assert await told(teller) == [("BalanceLow", 50), ("BalanceLow", 10)]
    assert [micros_of(each) for each in (await funds(teller, payer)).low_thresholds] == [10, 50]
    await teller.pay(payer, 40)
    await teller.one(opening := place(payer, 36))
    await teller.one(capture(payer, opening.place.hold_id, 36))
    assert (await told(teller))[2:] == [("BalanceRecovered", 10), ("BalanceLow", 10)]


async def test_thresholds_of_a_new_policy_are_told_at_once(teller: Teller) -> None:
    """30 are left: 40 is low at once; with a credit limit of 20 it has recovered."""
    payer = await teller.customer(30)
    await lay_down(teller, payer, thresholds=[40])
    await lay_down(teller, payer, ["credit_limit"], credit_limit=20)
    assert await told(teller) == [("BalanceLow", 40), ("BalanceRecovered", 40)]


async def test_a_policy_that_breaks_the_rules_is_refused(teller: Teller) -> None:
    """Negative amounts, equal thresholds, too many of them, dollars, fields that never change."""
    payer = await teller.customer(1)
    for policy in ({"credit_limit": -1}, {"daily_cap": -1}, {"thresholds": [1, 1]}):
        with pytest.raises(DomainError, match="INVALID_FUNDS_POLICY"):
            await lay_down(teller, payer, **policy)
    with pytest.raises(DomainError, match="INVALID_FUNDS_POLICY"):
        await lay_down(teller, payer, thresholds=list(range(11)))
    with pytest.raises(DomainError, match="INVALID_FIELD_MASK"):
        await lay_down(teller, payer, ["balance"])
    dollars = Account("acme", payer.account_id, "", payer.account_id, "USD", PaymentMode.PREPAID)
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        await lay_down(teller, dollars, credit_limit=5)
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        await lay_down(teller, account(), credit_limit=5)
    paid_for = Account("acme", new_uuid(), new_uuid(), new_uuid(), "EUR", PaymentMode.PREPAID)
    await teller.announce(paid_for)
    with pytest.raises(DomainError, match="NOT_A_PAYER"):
        await lay_down(teller, paid_for, credit_limit=5)
