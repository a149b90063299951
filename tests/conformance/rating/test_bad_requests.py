"""Whatever is sent to rating, each of its methods answers, or says with a reason why not."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis import columns
from chassis.database.engine import Database
from chassis.grpc import running_call
from chassis.grpc.validation import check_request, each_checked
from chassis.grpc.wire_bytes import does_take_bytes
from chassis.service import Runtime
from chassis.settings import CommonSettings
from kernel.clock import to_micros
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating import wiring
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import MOBILE, NOON
from tests.conformance.rating.sheets import DECK
from tests.conformance.rating.test_usage import offer
from tests.support.methods import Method, ids_in, methods_of
from tests.support.spoilt_requests import Spoiler
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1 import supplier_service_pb2 as supplier_messages
from tollbook.rating.v1.rate_deck_pb2 import RateDeckMapping
from tollbook.type.v1.columns_pb2 import ColumnBatch

ROUNDS = 12
SEED = 20_261_123


class Doors:
    """The servicers of rating as they are wired, behind the validation of requests."""

    def __init__(self, database: Database, folder: Path) -> None:
        runtime = Runtime("rating", CommonSettings(data_dir=folder), {}, database)
        servicers = wiring.build(runtime).servicers
        self._servicers: dict[str, Any] = {each.name: each.implementation for each in servicers}

    async def ask(self, method: Method, requests: Sequence[Message]) -> list[Message]:
        """Call a method as its door does."""
        descriptor = method.descriptor
        running_call.enter_call(str(method), None)
        servicer = self._servicers[descriptor.containing_service.full_name]
        handler = getattr(servicer, descriptor.name)
        if descriptor.client_streaming:
            answer = handler(each_checked(_stream(requests)), None)
        elif does_take_bytes(handler):
            answer_kind = GetMessageClass(descriptor.output_type)
            return [answer_kind.FromString(await handler(requests[0].SerializeToString(), None))]
        else:
            check_request(requests[0])
            answer = handler(requests[0], None)
        return [each async for each in answer] if descriptor.server_streaming else [await answer]


async def test_no_request_meets_a_bug(desk: Desk, database: Database, tmp_path: Path) -> None:
    """Each method is sent requests that are right but for a few absurd values.

    Among these are huge numbers and texts, NUL, unknown enumerators, years without calendars, ids
    of other things, and tokens of other lists.
    """
    await offer(desk)
    doors, methods = Doors(database, tmp_path), methods_of("rating")
    known = {"account_id": desk.account_id, "plan_id": desk.plan_id, "rate_deck_id": desk.deck_id}
    bugs: list[str] = []
    for place in range(ROUNDS * len(methods)):
        method = methods[place % len(methods)]
        spoiler = Spoiler(SEED + place, sorted(known.values()))
        requests = good_requests(method, known, place)
        for request in requests:
            spoiler.spoil(request)
        try:
            known |= await told(doors, method, requests)
        except DomainError:
            continue
        except Exception as bug:  # noqa: BLE001 - whatever it is, its caller would get INTERNAL
            bugs.append(f"{method}: {bug!r}, asked with {requests}")
    assert bugs == []


async def told(doors: Doors, method: Method, requests: Sequence[Message]) -> dict[str, str]:
    """The ids that a method answers with."""
    answers = await doors.ask(method, requests)
    ids = dict(pair for answer in answers for pair in ids_in(answer))
    # Errors of single items name accounts that are none.
    return {kind: value for kind, value in ids.items() if kind != "account_id"}


def good_requests(method: Method, known: Mapping[str, str], place: int) -> list[Message]:
    """What a method is asked with: one request, or a stream of them."""
    request = method.request(known)
    match request:
        case messages.ImportRateDeckRequest():
            return upload_of(f"deck {place}")
        case messages.PriceCallColumnsRequest():
            request.calls.CopyFrom(two_calls(known["account_id"]))
        case supplier_messages.ImportNumberingAreasRequest():
            request.content = b"prefix,state\n1201,NJ\n"
    return [request]


def upload_of(code: str) -> list[Message]:
    """A rate sheet in two pieces."""
    header = messages.ImportRateDeckHeader(
        rate_deck_code=code,
        currency_code="EUR",
        mapping=RateDeckMapping(prefix_column="prefix", price_column="price"),
        request_id=new_uuid(),
    )
    return [
        messages.ImportRateDeckRequest(header=header),
        messages.ImportRateDeckRequest(rates_content=DECK.encode()),
    ]


def two_calls(account_id: str) -> ColumnBatch:
    """A minute to a mobile, twice."""
    table = {
        "account_id": columns.dictionary([account_id] * 2),
        "callee": columns.text([MOBILE] * 2),
        "start_time": columns.int64([to_micros(NOON)] * 2),
        "duration": columns.int64([60_000] * 2),
    }
    return columns.encode(table, 2)


async def _stream(requests: Sequence[Message]) -> AsyncIterator[Any]:
    for request in requests:
        yield request
