"""Prices written as bytes by columns are the messages that would be made one by one."""

from random import Random

from chassis.grpc.convert import money_to_proto
from kernel.errors import DomainError, ErrorKind
from kernel.money import Money
from services.rating.api.convert_quotes import error_to_proto
from services.rating.api.quote_rows import RowsRequest, results_to_bytes
from services.rating.domain.charges.settlement import Outcome
from services.rating.usecases.quoting.quote_columns import PricedColumns, Wanted
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.type.v1.call_pb2 import RatingOutcome

AMOUNTS = [0, 1, 127, 128, 999_999, 10**6, 10**6 + 1, 2**31, 10**15, 2**63 - 1]


def test_rows_written_as_bytes_are_those_made_one_by_one() -> None:
    """Whatever an amount, a quantity and a currency is, and beside calls without a price."""
    rng = Random(5)
    count = 500
    prices = PricedColumns(count, Wanted())
    expected = messages.PriceCallsResponse()
    for place in range(count):
        amount, charged = rng.choice(AMOUNTS), rng.choice(AMOUNTS)
        result = expected.results.add()
        if place % 7 == 0:
            error = DomainError(ErrorKind.FAILED_PRECONDITION, "NO_RATE", f"call {place}", {})
            prices.add(place, error)
            result.error.CopyFrom(error_to_proto(error))
            continue
        outcome = Outcome.RATED if amount else Outcome.ZERO
        currency = rng.choice(["EUR", "USD", "JPY"])
        prices.outcomes[place], prices.amounts[place] = outcome, amount
        prices.charged[place] = charged
        prices.currencies.codes[place] = prices.currencies.place(currency)
        price = messages.PriceCallResponse(
            outcome=RatingOutcome.ValueType(outcome),
            amount=money_to_proto(Money(currency, amount)),
            charged_quantity=charged,
        )
        result.price.CopyFrom(price)
    content = results_to_bytes(prices, RowsRequest(b""))
    answer = messages.PriceCallsResponse.FromString(content)
    assert answer == expected
    assert answer.SerializeToString() == expected.SerializeToString()
