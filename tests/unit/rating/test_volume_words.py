"""How a call spreads over graduated volume tiers is told as it was priced."""

import pytest

from services.rating.domain.plans.plan import Crossing, Measure, TierPrice, VolumeTiers
from services.rating.domain.receipts.explanation import explain
from services.rating.domain.receipts.receipt import read_receipt
from tests.unit.rating.calls import Shop, bundle, call, volume_tiers


def said_of_tiers(shop: Shop) -> str:
    """The last sentence about the tiers of a minute's call, before the exact amount."""
    return explain(read_receipt(shop.price(call(60)).receipt))[-3]


@pytest.mark.parametrize(
    ("tiers", "crossing", "split"),
    [
        (
            volume_tiers(Measure.QUANTITY, (30, TierPrice(price_nanos=60_000_000))),
            Crossing.SPLIT,
            "That makes 30 s at the price, 30 s at 0.06 EUR a minute.",
        ),
        (
            volume_tiers(Measure.SPEND, (400_000, TierPrice(500_000))),
            Crossing.SPLIT,
            "That makes 0.4 EUR at the price, the rest at 0.5 of the price.",
        ),
        (
            volume_tiers(Measure.QUANTITY, (30, TierPrice(500_000))),
            Crossing.AT_START,
            "All of it is at the price.",
        ),
        (
            volume_tiers(Measure.CALLS, (1, TierPrice(500_000))),
            Crossing.SPLIT,
            "All of it is at the price.",
        ),
    ],
)
def test_graduated_tiers_tell_how_a_call_spreads_over_them(
    tiers: VolumeTiers, crossing: Crossing, split: str
) -> None:
    """A minute at 0.6: by seconds, by money, or whole by where the counter stood."""
    shop = Shop(volume_tiers=(tiers,), crossing=crossing)
    assert said_of_tiers(shop) == split


def test_a_call_in_a_later_tier_is_told_to_be_there_whole() -> None:
    """The second minute of a month whose first 30 seconds cost the price."""
    shop = Shop(volume_tiers=(volume_tiers(Measure.QUANTITY, (30, TierPrice(500_000))),))
    shop.price(call(60))
    assert said_of_tiers(shop) == "All of it is at 0.5 of the price."


def test_a_call_that_a_bundle_pays_for_is_in_no_tier() -> None:
    """Nothing is left to be spread."""
    tiers = volume_tiers(Measure.QUANTITY, (30, TierPrice(500_000)))
    shop = Shop(bundles=(bundle(100),), volume_tiers=(tiers,))
    assert said_of_tiers(shop).startswith("Their prices:")
