"""Calls to be priced from the messages of the contract, and prices to them."""

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from chassis.grpc.convert import (
    duration_ms_from_proto,
    duration_ms_to_proto,
    money_to_proto,
    nanos_to_decimal,
    time_from_proto,
)
from chassis.grpc.errors import to_status
from kernel.clock import from_micros, to_micros, utc_now
from kernel.e164 import (
    E164_DIGITS_MAX,
    E164_DIGITS_MIN,
    DialledNumber,
    NumberKind,
    NumberPlan,
    is_e164,
    normalise,
)
from kernel.errors import DomainError
from kernel.money import Money
from services.rating.api.convert_receipts import receipt_to_proto
from services.rating.api.moments import checked_micros
from services.rating.domain.bulk.column_group import Bools
from services.rating.domain.decks.prefix_table import Int32s, Int64s, padded_columns
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX
from services.rating.domain.errors import UNKNOWN_ACCOUNT, invalid_field, unrated
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.quantity import CALL_DURATION_MS_MAX, USAGE_QUANTITY_MAX
from services.rating.domain.usage import Service
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.quote_call import CallQuote
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.type.v1.call_pb2 import RatingOutcome

SERVICE_NAME = "rating"
ACCOUNT_ID_CHARACTERS_MAX = 100
RINGING_MICROS_MAX = 86_400 * 10**6

# A padded number below this begins with 0.
_FIRST_NUMBER = 10 ** (NUMBER_DIGITS_MAX - 1)
_PRICED_SERVICES = {0: Service.VOICE, 1: Service.VOICE, 2: Service.SMS, 3: Service.DATA}


class CallReader:
    """Reads calls as callers of the contract write them."""

    def __init__(self, emergency_numbers: frozenset[str]) -> None:
        # Numbers come in international form; no country's own way of dialling applies to them.
        self._plan = NumberPlan("999", "", emergency_numbers=emergency_numbers)
        long = [number for number in emergency_numbers if len(number) >= E164_DIGITS_MIN]
        self._emergency_numbers = padded_columns(long)[0].tolist()

    def planned_call(self, request: messages.PriceCallRequest) -> PlannedCall:
        """A call to be priced. INVALID_NUMBER, INVALID_TIME, INVALID_DURATION, INVALID_QUANTITY."""
        service = priced_service(request.service)
        start = start_micros(request.start_time)
        has_begin = request.HasField("begin_time")
        return PlannedCall(
            known_id(request.account_id),
            self.callee(request.callee),
            start,
            begin_micros(start, time_micros(request.begin_time)) if has_begin else start,
            _duration_ms(request) if service is Service.VOICE else 0,
            self.number(request.caller),
            self.number(request.routing_number),
            service,
            0 if service is Service.VOICE else checked_quantity(request.quantity),
        )

    def quoted_call(self, request: messages.QuoteCallRequest) -> PlannedCall:
        """A call to be quoted; without a duration where there is a budget."""
        start = start_micros(request.start_time)
        return PlannedCall(
            known_id(request.account_id),
            self.callee(request.callee),
            start,
            start,
            duration_ms_from_proto(request.duration),
            self.number(request.caller),
            self.number(request.routing_number),
        )

    def callee(self, text: str) -> DialledNumber:
        """A called number. INVALID_NUMBER."""
        digits = text.removeprefix("+")
        if is_e164(digits) and digits not in self._plan.emergency_numbers:
            return DialledNumber(digits, NumberKind.E164)
        return normalise("+" + digits, self._plan)

    def are_e164(self, numbers: Int64s, lengths: Int32s) -> Bools:
        """Which padded numbers are international ones for certain; `callee` decides on others."""
        usual: Bools = (
            (lengths >= E164_DIGITS_MIN) & (lengths <= E164_DIGITS_MAX) & (numbers >= _FIRST_NUMBER)
        )
        for number in self._emergency_numbers:
            usual &= numbers != number
        return usual

    def is_number(self, text: str) -> bool:
        """Whether a text is an international number for certain."""
        return is_e164(text.removeprefix("+"))

    def number(self, text: str) -> str:
        """The digits of any other number; empty where there is none. INVALID_NUMBER."""
        return self.callee(text).digits if text else ""


def priced_service(number: int) -> Service:
    """What is used. INVALID_SERVICE."""
    service = _PRICED_SERVICES.get(number)
    if service is None:
        problem = f"{number} is not priced by use; give VOICE, SMS or DATA"
        raise invalid_field("INVALID_SERVICE", "service", problem)
    return service


def is_known_id(account_id: str) -> bool:
    """Whether an account may have this id."""
    return len(account_id) <= ACCOUNT_ID_CHARACTERS_MAX and "\0" not in account_id


def known_ids(account_ids: list[str]) -> list[str]:
    """The ids, those that no account can have emptied."""
    longest = max(map(len, account_ids), default=0)
    if longest <= ACCOUNT_ID_CHARACTERS_MAX and "\0" not in "".join(account_ids):
        return account_ids
    return [each if is_known_id(each) else "" for each in account_ids]


def known_id(account_id: str) -> str:
    """An id that an account may have. UNKNOWN_ACCOUNT."""
    if not is_known_id(account_id):
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id[:ACCOUNT_ID_CHARACTERS_MAX])
    return account_id


def start_micros(message: Timestamp) -> int:
    """When a call starts; now where that is not set. INVALID_TIME."""
    is_set = message.seconds or message.nanos
    return time_micros(message) if is_set else to_micros(utc_now())


def time_micros(message: Timestamp) -> int:
    """A moment that has prices. INVALID_TIME."""
    moment = time_from_proto(message)
    return checked_micros("start_time", 0 if moment is None else to_micros(moment))


def begin_micros(start: int, begin: int) -> int:
    """When conversation begins, of a call that starts earlier. INVALID_TIME."""
    if not 0 <= begin - start <= RINGING_MICROS_MAX:
        problem = f"conversation begins {(begin - start) // 10**6} s after the start of the call"
        raise invalid_field("INVALID_TIME", "begin_time", problem + "; give 0 to 86,400 s")
    return begin


def checked_quantity(quantity: int) -> int:
    """How many messages or bytes. INVALID_QUANTITY."""
    if not 1 <= quantity <= USAGE_QUANTITY_MAX:
        problem = f"{quantity} is not between 1 and {USAGE_QUANTITY_MAX}"
        raise invalid_field("INVALID_QUANTITY", "quantity", problem)
    return quantity


def checked_duration(milliseconds: int) -> int:
    """How long a call may last. INVALID_DURATION."""
    if not 0 <= milliseconds <= CALL_DURATION_MS_MAX:
        problem = f"{milliseconds} ms are not between 0 and 24 hours"
        raise invalid_field("INVALID_DURATION", "duration", problem)
    return milliseconds


def _duration_ms(request: messages.PriceCallRequest) -> int:
    if not request.HasField("duration"):
        raise invalid_field("INVALID_DURATION", "duration", "is required for calls; set it")
    return checked_duration(duration_ms_from_proto(request.duration))


def price_to_proto(
    price: PricedCall, detail: messages.ReceiptDetail.ValueType
) -> messages.PriceCallResponse:
    """A price, with its receipt where that is asked for."""
    message = messages.PriceCallResponse(
        outcome=RatingOutcome.ValueType(price.outcome),
        amount=money_to_proto(Money(price.currency, price.amount_micros)),
        charged_quantity=price.charged_quantity,
    )
    add_receipt(message, price.receipt, detail)
    return message


def add_receipt(
    message: messages.PriceCallResponse, receipt: bytes, detail: messages.ReceiptDetail.ValueType
) -> None:
    """Put a receipt beside a price, in the detail that is asked for."""
    if not receipt or detail <= messages.RECEIPT_DETAIL_NONE:
        return
    message.receipt.CopyFrom(receipt_to_proto(receipt))
    if detail != messages.RECEIPT_DETAIL_WORDS:
        message.receipt.ClearField("explanation")


def error_to_proto(error: DomainError) -> Status:
    """What a call of its own would have failed with."""
    return to_status(error, SERVICE_NAME)


def quote_to_proto(quote: CallQuote) -> messages.QuoteCallResponse:
    """A quote."""
    price, over_time = quote.price, quote.over_time
    message = messages.QuoteCallResponse(
        outcome=RatingOutcome.ValueType(price.outcome),
        amount=money_to_proto(Money(price.currency, price.amount_micros)),
        granted_duration=duration_ms_to_proto(quote.granted_ms),
        price_per_minute=nanos_to_decimal(over_time.price_nanos if over_time else 0),
        price_currency_code=over_time.currency if over_time else price.currency,
    )
    if over_time is not None and over_time.change_micros is not None:
        message.price_change_time.FromDatetime(from_micros(over_time.change_micros))
    return message
