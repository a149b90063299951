"""Services are compared at places that all of them have reached."""

from cli.watermarks import Flow, Positions, common_watermarks, lags

RATED = Flow("rating", "CallsRated", ("payment", "invoice"))


def positions(payment: dict[int, int], invoice: dict[int, int]) -> dict[str, Positions]:
    """Rating has published up to 10 in partition 0 and up to 4 in partition 3."""
    return {
        "rating": Positions(produced={("CallsRated", 0): 10, ("CallsRated", 3): 4}),
        "payment": Positions(consumed={("CallsRated", p): s for p, s in payment.items()}),
        "invoice": Positions(consumed={("CallsRated", p): s for p, s in invoice.items()}),
    }


def test_consumers_at_the_heads_leave_nothing_out() -> None:
    """The watermarks are the heads, and 0 where nothing was ever published."""
    settled = positions({0: 10, 3: 4}, {0: 10, 3: 4})
    assert lags(settled, [RATED]) == []
    assert common_watermarks(settled, [RATED]) == {"rating": [10, 0, 0, 4, 0, 0, 0, 0]}


def test_the_slowest_consumer_sets_the_watermark() -> None:
    """What one of them has not applied yet is compared with none of them."""
    late = positions({0: 10, 3: 2}, {0: 7, 3: 4})
    assert common_watermarks(late, [RATED]) == {"rating": [7, 0, 0, 2, 0, 0, 0, 0]}


def test_a_lag_is_named_with_consumer_partition_and_places() -> None:
    """An operator reads who is behind, with what, and how far."""
    late = positions({0: 10}, {0: 10, 3: 4})
    assert [str(lag) for lag in lags(late, [RATED])] == [
        "payment has applied CallsRated of rating, partition 3, up to 0; the newest is 4"
    ]
