"""What happens in one schedule, drawn from its seed: calls, money, crashes, and bad luck."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.support.simulation.faults import FaultRates

MICROS = 1_000_000
HORIZON_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Rate:
    """What calls cost: by the minute, in increments."""

    micros_a_minute: int
    first_increment: int
    next_increment: int


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who pays, and how much there is at the beginning."""

    wallet_micros: int
    credit_limit_micros: int
    rate: Rate
    bundle_seconds: int = 0
    daily_cap_micros: int | None = None
    promotion_micros: int = 0
    promotion_seconds: int = 0
    """When the promotional credit expires."""
    validity_seconds: int = 180
    grace_seconds: int = 60
    reseller_wallet_micros: int | None = None
    """None: no reseller above the account."""
    reseller_rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call, and how well its switch behaves."""

    number: int
    at: float
    rings: float
    talks: float
    """How long it would last if nobody ended it; 0: not answered."""
    requested_seconds: int
    asks: int = 3
    """How often a request is sent before the switch gives up."""
    overruns: float = 0.0
    """How long it goes on although nothing more is granted."""
    dies_after: float | None = None
    """So long after its start the switch dies: it asks nothing more, and reports no end."""
    stalls: float = 0.0
    """How long it waits after a request that nobody answered, before it asks again."""
    opens: bool = True
    """Whether it asks before it lets the call through; if not, it only reports the end."""
    is_emergency: bool = False
    record_after: float | None = None
    """The call record comes so long after the end of the call; None: never."""
    record_differs: int = 0
    """By so many seconds the record's duration differs from the reported one."""
    record_copies: int = 1


@dataclass(frozen=True, slots=True)
class MoneyMoves:
    """Money that comes in, or goes out again, beside the calls."""

    at: float
    micros: int
    """Positive: a payment; negative: a refund of at most what is available."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A process dies before its n-th step, and comes back."""

    process: str
    step: int
    down: float


@dataclass(frozen=True, slots=True)
class Outage:
    """All replicas of a service die at once, and stay away for some time."""

    service: str
    at: float
    down: float


@dataclass(frozen=True, slots=True)
class Block:
    """The account is blocked, so that calls end at their next request."""

    at: float


Action = PlannedCall | MoneyMoves | Crash | Outage | Block


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole schedule: the same seed and actions always end the same."""

    seed: int
    tenant: Tenant
    actions: tuple[Action, ...]
    rates: FaultRates = field(default_factory=FaultRates)


PROCESSES = ("rating-0", "rating-1", "payment-0", "payment-1")
RATES = (
    Rate(600_000, 1, 1), Rate(600_000, 60, 60), Rate(120_000, 30, 6), Rate(6_000, 1, 1),
    Rate(1_000_000, 6, 6),
)  # fmt: skip


def draw(seed: int) -> Scenario:
    """The schedule of a seed."""
    source = Random(seed)
    actions: list[Action] = [_call(source, number) for number in range(source.randint(1, 4))]
    actions += [_money(source) for _ in range(source.choice((0, 0, 1, 2)))]
    actions += [_crash(source) for _ in range(source.choice((0, 1, 1, 2, 3)))]
    if source.random() < 0.08:
        actions.append(_outage(source))
    if source.random() < 0.1:
        actions.append(Block(source.uniform(0, HORIZON_SECONDS)))
    return Scenario(seed, _tenant(source), tuple(actions), _rates(source))


def _tenant(source: Random) -> Tenant:
    rate = source.choice(RATES)
    worth = rate.micros_a_minute
    has_reseller = source.random() < 0.25
    return Tenant(
        wallet_micros=source.choice((0, worth // 3, worth, 2 * worth, 5 * worth)),
        credit_limit_micros=source.choice((0, 0, 0, worth // 2, 2 * worth)),
        rate=rate,
        bundle_seconds=source.choice((0, 0, 0, 30, 90)),
        daily_cap_micros=source.choice((None, None, None, None, worth, 3 * worth)),
        promotion_micros=source.choice((0, 0, 0, worth // 2, 2 * worth)),
        promotion_seconds=source.randint(1, 2 * HORIZON_SECONDS),
        validity_seconds=source.choice((180, 20)),
        grace_seconds=source.choice((60, 5)),
        reseller_wallet_micros=source.choice((worth // 2, 3 * worth)) if has_reseller else None,
        reseller_rate=source.choice(RATES) if has_reseller else None,
    )


def _call(source: Random, number: int) -> PlannedCall:
    return PlannedCall(
        number=number,
        at=source.choice((0.0, 0.0, source.uniform(0, 5), source.uniform(0, HORIZON_SECONDS))),
        rings=source.choice((0.0, 0.1, 3.0)),
        talks=source.choice((0.0, 1.5, 29.9, 60.0, 61.0, source.uniform(1, 200))),
        requested_seconds=source.choice((0, 10, 30, 60, 300)),
        asks=source.choice((1, 2, 4)),
        overruns=source.choice((0.0, 0.0, 0.0, 0.0, 20.0)),
        dies_after=source.uniform(0, 60) if source.random() < 0.15 else None,
        stalls=source.choice((40.0, 290.0, 330.0)) if source.random() < 0.1 else 0.0,
        opens=source.random() < 0.93,
        is_emergency=source.random() < 0.02,
        record_after=source.choice((None, -2.0, 0.0, 5.0, 40.0, 500.0)),
        record_differs=source.choice((0, 0, 0, 0, 1, 60, -1, -20)),
        record_copies=source.choice((1, 1, 1, 2)),
    )


def _money(source: Random) -> MoneyMoves:
    return MoneyMoves(
        at=source.uniform(0, HORIZON_SECONDS),
        micros=source.choice((50_000, MICROS, 5 * MICROS, -MICROS // 2, -10 * MICROS)),
    )


def _crash(source: Random) -> Crash:
    return Crash(
        process=source.choice(PROCESSES),
        step=source.choice((source.randint(1, 40), source.randint(1, 400))),
        down=source.choice((0.01, 1.0, 45.0)),
    )


def _outage(source: Random) -> Outage:
    return Outage(
        service=source.choice(("rating", "payment")),
        at=source.choice((source.uniform(0, 0.05), source.uniform(0, HORIZON_SECONDS))),
        down=source.choice((5.0, 60.0, 400.0)),
    )


def _rates(source: Random) -> FaultRates:
    if source.random() < 0.3:
        return FaultRates()
    return FaultRates(
        lost=source.choice((0, 20, 150)),
        repeated=source.choice((0, 50, 300)),
        late=source.choice((0, 30, 200)),
        unknown_commits=source.choice((0, 30)),
        failed_transactions=source.choice((0, 0, 20)),
    )
