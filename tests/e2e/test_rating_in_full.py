"""Every way to price, from a switch's record to invoices of a customer and its reseller."""

import asyncio
import re

import pytest
import pytest_asyncio
from google.type.money_pb2 import Money

from kernel.ids import new_uuid
from tests.support.full_month import (
    CALLS,
    CUSTOMER_MICROS,
    DUTCH,
    JAPANESE,
    MESSAGE_KEYS,
    MONDAY,
    PEAK_END,
    charge_data_and_fees,
    charge_messages,
    explained,
    ingest,
    issued,
    lines_of,
    micros,
    price_request,
    priced_columns,
    quotes,
    routed,
    words_of,
)
from tests.support.full_tariff import EXCHANGE_SOURCE, FullOperator
from tests.support.operator import timestamp
from tests.support.suite import Suite
from tollbook.rating.v1 import charge_pb2
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.type.v1 import call_pb2 as type_call
from tools.check_receipt import check

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(suite: Suite) -> FullOperator:
    """The operator, with a reseller and a customer of it, whose calls are priced."""
    operator = FullOperator(suite, "full")
    await operator.set_up([])
    await operator.set_up_tariff()
    await operator.create_account("partner", plan_id=operator.wholesale_id)
    await operator.create_account("desk-1", reseller="partner", plan_id=operator.retail_id)
    await operator.known_everywhere()
    await ingest(operator)
    await suite.caught_up("rating", "tollbook.cdr.v1.CallsCollected")
    return operator


async def test_calls_cost_what_plan_bundle_tiers_and_exchange_rate_say(
    operator: FullOperator,
) -> None:
    """The sums of each destination are those beside the calls, in whatever order they came."""
    charges = await explained(operator, "desk-1")
    sums = dict.fromkeys(CUSTOMER_MICROS, 0)
    for key, (callee, _, _) in CALLS.items():
        sums[callee] += micros(charges[key].charge.amount)
    assert sums == CUSTOMER_MICROS


async def test_every_step_of_a_price_is_told_in_words(operator: FullOperator) -> None:
    """Bands, bundle, tier and exchange rate, each where it decided."""
    charges = await explained(operator, "desk-1")
    told = {key: words_of(answer.charge) for key, answer in charges.items()}
    for key, parts in {
        "peak": ("Netherlands", "0.06", "peak"),
        "crossing": ("peak", "off-peak", "evening-half", "0.5"),
        "mobile-1": ("mobile-minutes", "120"),
        "britain-2": ("britain", "0.5"),
        "japan-1": ("Japan", "0.8", "USD", "EUR", EXCHANGE_SOURCE),
    }.items():
        assert all(part in told[key] for part in parts), told[key]


async def test_the_stored_receipt_of_every_charge_holds(operator: FullOperator) -> None:
    """The checker, which knows nothing of ours, computes each party's amount again.

    The carrier has no rate for Britain: its cost of these calls is not known.
    """
    charges = await explained(operator, "desk-1")
    unrated = set()
    for key, answer in charges.items():
        assert answer.receipt_content == answer.charge.receipt.content
        for charge in (answer.charge, *answer.other_parties):
            if charge.outcome == type_call.RATING_OUTCOME_UNRATED:
                unrated.add((key, charge.party, charge.unrated_reason))
            else:
                assert check(charge.receipt.content) == [], words_of(charge)
    no_cost = ("britain-1", "britain-2")
    assert unrated == {(key, type_call.PARTY_SUPPLIER, "NO_RATE") for key in no_cost}


async def test_reseller_and_supplier_leave_each_other_a_margin(operator: FullOperator) -> None:
    """Of a peak minute the customer pays 0.06, the reseller 0.03, we pay 0.025 dollars."""
    peak = (await explained(operator, "desk-1"))["peak"]
    by_party = {charge.party: charge for charge in peak.other_parties}
    reseller = by_party[type_call.PARTY_RESELLER]
    supplier = by_party[type_call.PARTY_SUPPLIER]
    assert reseller.account_id == operator.accounts["partner"]
    assert (micros(reseller.amount), micros(supplier.amount)) == (30_000, 25_000)
    assert supplier.amount.currency_code == "USD"
    assert (reseller.cost.currency_code, micros(reseller.cost)) == ("EUR", 20_000)
    assert (micros(reseller.margin), micros(peak.charge.margin)) == (10_000, 30_000)


async def test_rows_columns_and_streams_give_the_prices_of_charges(
    operator: FullOperator,
) -> None:
    """A call without a price has its reason in each, and spoils no other."""
    keys = ["peak", "crossing", "japan-1"]
    calls = [price_request(operator, key) for key in keys]
    calls.append(rating.PriceCallRequest(account_id=new_uuid(), callee=DUTCH))
    calls[-1].duration.seconds = 60
    calls[-1].start_time.CopyFrom(timestamp(MONDAY))
    expected = [60_000, 45_000, 240_000]
    stub = quotes(operator)
    single = [await stub.PriceCall(each) for each in calls[:-1]]
    assert [micros(price.amount) for price in single] == expected
    rows = (await stub.PriceCalls(rating.PriceCallsRequest(calls=calls))).results
    assert [micros(each.price.amount) for each in rows[:-1]] == expected
    assert "UNKNOWN_ACCOUNT" in str(rows[-1].error)
    requests = [rating.PriceCallStreamRequest(call=each) for each in calls]
    streamed = [each async for each in stub.PriceCallStream(iter(requests))]
    assert [micros(each.price.amount) for each in streamed[:-1]] == expected
    assert "UNKNOWN_ACCOUNT" in str(streamed[-1].error)
    table = await priced_columns(stub, calls)
    assert table.int64("amount").tolist() == [*expected, 0]
    assert table.dictionary("reason") == ["", "", "", "UNKNOWN_ACCOUNT"]
    assert [check(receipt.encode()) for receipt in table.text("receipt")[:-1]] == [[]] * 3


async def test_a_quote_says_how_long_and_until_when_the_price_holds(
    operator: FullOperator,
) -> None:
    """At 0.06 a minute a euro buys 1,000 seconds; the price changes when the peak ends."""
    quote = await quotes(operator).QuoteCall(
        rating.QuoteCallRequest(
            account_id=operator.accounts["desk-1"],
            callee=DUTCH,
            start_time=timestamp(MONDAY),
            budget=Money(currency_code="EUR", units=1),
        )
    )
    assert (quote.granted_duration.seconds, micros(quote.amount)) == (1_000, 1_000_000)
    assert quote.price_per_minute.value == "0.06"
    assert quote.price_change_time == timestamp(PEAK_END)


async def test_suppliers_are_tried_from_the_cheapest_with_their_reason(
    operator: FullOperator,
) -> None:
    """0.025 dollars are 0.02 euros, less than 0.05; only the first knows Japan."""
    dutch, japanese = await routed(operator, DUTCH), await routed(operator, JAPANESE)
    assert [(each.supplier_code, each.compared_price.value) for each in dutch.routes] == [
        ("carrier", "0.02"),
        ("other-carrier", "0.05"),
    ]
    assert dutch.routes[0].margin.value == "0.666666"
    assert all(each.explanation for each in dutch.routes)
    assert [each.supplier_code for each in japanese.routes] == ["carrier"]
    assert [each.reason for each in japanese.left_out_suppliers] == ["NO_RATE"]


async def test_messages_are_charged_once_and_a_refund_takes_one_back(
    operator: FullOperator,
) -> None:
    """Three messages at 0.05, of which one is refunded: 0.10 stay. The reseller pays for three."""
    sent, refunded = await charge_messages(operator)
    again, refunded_again = await charge_messages(operator)
    assert [charge.charge_id for charge in again] == [charge.charge_id for charge in sent]
    assert refunded_again == refunded
    assert [micros(charge.amount) for charge in sent] == [50_000] * 3
    assert (refunded.revision, micros(refunded.amount)) == (2, 0)
    assert micros(refunded.amount_delta) == -50_000
    charges = await explained(operator, "desk-1")
    assert [check(charges[key].receipt_content) for key in MESSAGE_KEYS] == [[]] * 3


async def test_data_fees_and_rented_numbers_are_charged_with_receipts(
    operator: FullOperator,
) -> None:
    """2 MB at 0.01, a set-up for 5, and 10 of 31 days of a number for 1.50: 0.483871."""
    charged = await charge_data_and_fees(operator)
    assert {key: micros(charge.amount) for key, charge in charged.items()} == {
        "data": 20_000,
        "setup": 5_000_000,
        "rent": 483_871,
    }
    for charge in charged.values():
        assert check(charge.receipt.content) == []
        assert charge.receipt.explanation


async def test_the_invoices_of_customer_and_reseller_add_up(operator: FullOperator) -> None:
    """120 s to Japan reach the whole-volume tier: a quarter of 0.48 comes back at the seal."""
    await charge_messages(operator)
    await charge_data_and_fees(operator)
    customer, reseller = await asyncio.gather(
        issued(operator, "desk-1"), issued(operator, "partner")
    )
    assert lines_of(customer) == {
        "Netherlands": 105_000,
        "Dutch mobile": 120_000,
        "Britain": 45_000,
        "Japan": 480_000,
        "Text message": 100_000,
        "Data": 20_000,
        "Number set-up": 5_000_000,
        "Dutch number": 483_871,
        "Full: volume price japan": -120_000,
    }
    assert lines_of(reseller) == {
        # 120 s at 0.03, 180 s at 0.06, 120 s at 0.02, 120 s at 0.15, three messages, 2 MB
        "Netherlands": 60_000,
        "Dutch mobile": 180_000,
        "Britain": 40_000,
        "Japan": 300_000,
        "Text message": 150_000,
        "Data": 20_000,
        # The reseller buys numbers by the same deck; its plan has no price for the set-up.
        "Dutch number": 483_871,
    }
    [adjustment] = [
        answer
        for answer in (await explained(operator, "desk-1")).values()
        if answer.charge.receipt.kind == charge_pb2.CHARGE_KIND_VOLUME_ADJUSTMENT
    ]
    assert micros(adjustment.charge.amount) == -120_000
    assert check(adjustment.receipt_content) == []
    assert "japan" in words_of(adjustment.charge)


async def test_the_command_line_simulates_a_price(suite: Suite, operator: FullOperator) -> None:
    """`tollbook price` tells the amount and every step; an unknown account is said to be one."""
    command = ["price", "--tenant", operator.tenant_id, "--callee", f"+{DUTCH}"]
    begin = f"{CALLS['crossing'][1]:%Y-%m-%dT%H:%M:%S}"
    command += ["--start", begin, "--duration", "60"]
    shown = suite.tollbook(*command, "--account", "desk-1")
    assert shown.returncode == 0, shown.stderr
    assert "0.045 EUR" in shown.stdout
    assert "'evening-half' times 0.5" in shown.stdout
    unknown = suite.tollbook(*command, "--account", "desk-9")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "full has no account desk-9" in unknown.stderr
    no_rate = suite.tollbook(*command, "--account", "desk-1", "--callee", "+862012345678")
    assert "NO_RATE" in no_rate.stderr


async def test_the_command_line_explains_a_charge_to_everybody_on_the_way(
    suite: Suite, operator: FullOperator
) -> None:
    """Its steps, what customer, reseller and supplier pay and earn, and the receipt as stored."""
    answer = (await explained(operator, "desk-1"))["peak"]
    command = ["explain", answer.charge.charge_id, "--tenant", operator.tenant_id]
    shown = suite.tollbook(*command)
    assert shown.returncode == 0, shown.stderr
    assert all(words in shown.stdout for words in answer.charge.receipt.explanation)
    parties = re.findall(
        r"^ +(customer|reseller 1|supplier) +(\w{32}) ", shown.stdout, re.MULTILINE
    )
    assert [party for party, _ in parties] == ["customer", "reseller 1", "supplier"]
    assert {each.charge_id for each in answer.other_parties} < {each for _, each in parties}
    receipt = suite.tollbook(*command, "--receipt").stdout.encode()
    assert receipt == answer.receipt_content + b"\n"
    assert check(receipt) == []


async def test_the_command_line_orders_suppliers_by_what_they_leave(
    suite: Suite, operator: FullOperator
) -> None:
    """Each with its margin; a number that none can reach is a failure with a reason for each."""
    command = ["route", "--tenant", operator.tenant_id, "--callee"]
    of_account = ["--account", "desk-1", "--start", f"{MONDAY:%FT%T}"]
    shown = suite.tollbook(*command, f"+{DUTCH}", *of_account)
    assert shown.returncode == 0, shown.stderr
    assert "sold at 0.06 EUR a minute" in shown.stdout
    assert re.search(r"carrier +0.025 USD +31 +[\d.]+%", shown.stdout)
    nowhere = suite.tollbook(*command, "+862012345678")
    assert (nowhere.returncode, "NO_RATE" in nowhere.stdout) == (1, True)
