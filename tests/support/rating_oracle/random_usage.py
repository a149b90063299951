"""Calls, messages and data at random, most of them across a moment that changes the price."""

from random import Random

from kernel.e164 import NumberKind
from services.rating.domain.plans.conditions import CallFacts, Jurisdiction, Relation
from services.rating.domain.usage import Service
from tests.support.rating_oracle.random_moments import near
from tests.support.rating_oracle.random_tenants import Scene
from tests.support.rating_oracle.tenant import Usage

MINUTE_MS = 60_000
DAY_MS = 86_400_000
DAY_MICROS = 86_400 * 10**6
RING_MICROS = 40 * 10**6
BYTES_MAX = 5 * 10**9


def random_usage(rng: Random, scene: Scene) -> Usage:
    """Voice mostly: from nothing to a day, often across one of the scene's moments."""
    service = rng.choice([Service.VOICE] * 8 + [Service.SMS, Service.DATA])
    duration_ms = _duration_ms(rng) if service == Service.VOICE else 0
    ring = rng.choice([0, rng.randrange(RING_MICROS)]) if service == Service.VOICE else 0
    moment = rng.choice(scene.moments)
    start = near(rng, moment - rng.randint(0, duration_ms + 1) * 1_000, 300)
    if rng.random() < 0.15:
        start = moment - rng.randint(0, ring)
    return Usage(
        service=service,
        start_micros=start,
        begin_micros=start + ring,
        duration_ms=duration_ms,
        quantity=_quantity(rng, service),
        answered=rng.random() < 0.97,
        callee_kind=rng.choices(list(NumberKind), [96, 2, 2])[0],
        facts=_facts(rng, scene, service),
        counting_micros=start + rng.choice([0] * 9 + [rng.randrange(60 * DAY_MICROS)]),
    )


def _duration_ms(rng: Random) -> int:
    longest = rng.choices([0, MINUTE_MS, 10 * MINUTE_MS, 120 * MINUTE_MS, DAY_MS],
                          [4, 55, 34, 5, 2])[0]  # fmt: skip
    milliseconds = rng.randint(0, longest)
    granularity = rng.choice([1, 1, 500, 1_000])
    return milliseconds // granularity * granularity


def _quantity(rng: Random, service: Service) -> int:
    if service == Service.SMS:
        return rng.choice([0, 1, 1, 1, 3, 40])
    if service == Service.DATA:
        return rng.choice([0, 1, rng.randrange(10**4), rng.randrange(10**7), BYTES_MAX])
    return 0


def _facts(rng: Random, scene: Scene, service: Service) -> CallFacts:
    return CallFacts(
        service,
        rng.choice([*scene.numbers, ""]),
        rng.choice(scene.numbers),
        rng.choice(list(Relation)),
        rng.choice(list(Jurisdiction)),
    )
