"""The rate sheet of rating's tests, and how a sheet is sent."""

from collections.abc import AsyncIterator
from typing import Any

from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rate_deck_pb2 import RateDeckMapping

# A minute to the Netherlands costs 0.06, to a mobile there 0.12 by begun minutes.
DECK = """prefix,name,price,first,next
31,Netherlands,0.06,1,1
316,Netherlands Mobile,0.12,60,60
1,USA,0,60,60
"""


def mapping(**changes: Any) -> RateDeckMapping:
    """The columns of such a sheet."""
    names = {
        "prefix_column": "prefix",
        "price_column": "price",
        "destination_column": "name",
        "first_increment_column": "first",
        "next_increment_column": "next",
    }
    return RateDeckMapping(**{**names, **changes})


async def upload(
    header: messages.ImportRateDeckHeader, rates: bytes, destinations: bytes = b""
) -> AsyncIterator[messages.ImportRateDeckRequest]:
    """The pieces of an import."""
    yield messages.ImportRateDeckRequest(header=header)
    yield messages.ImportRateDeckRequest(rates_content=rates)
    if destinations:
        yield messages.ImportRateDeckRequest(destinations_content=destinations)
