"""What terms make of calls band by band, for calls of which the same conditions hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.rating.domain.exact import Ratio
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import PriceCap
from services.rating.domain.tariffs.price_steps import Step
from services.rating.domain.tariffs.terms import Chain, Terms
from services.rating.domain.usage import Service


class Tier(NamedTuple):
    """A duration tier: from which base unit on it applies, and what it does to prices."""

    start: int
    step: Step | None


class BandTerms(NamedTuple):
    """What holds within one time band."""

    chain: Chain
    steps: tuple[Step, ...]
    connect_fee: Ratio
    """What the connect fee is multiplied by in a call that begins here."""
    cap: PriceCap | None
    """Of a call that begins here."""


class Situation(NamedTuple):
    """Terms for voice calls of which the same conditions hold, but for their time bands."""

    failing: frozenset[Condition]
    """Conditions on facts that do not hold."""
    bands: tuple[BandTerms, ...]
    """The one of NO_BAND (-1), then the plan's bands, as a schedule's timeline counts them."""
    tiers: tuple[Tier, ...]
    """From 0 on, ascending."""
    chain: Chain | None
    """The decks that are asked in every band; None where bands differ in them."""


def conditions_of(terms: Terms) -> list[Condition]:
    """The conditions that may be true of one call and not of another, whatever the band."""
    known: list[Condition] | None = terms.kept.get("conditions")
    if known is None:
        known = terms.kept["conditions"] = _conditions(terms)
    return known


def _conditions(terms: Terms) -> list[Condition]:
    compiled, revision = terms.compiled, terms.revision
    every = (
        *(when for when, _ in terms.choices),
        *(when for when, _ in compiled.adjustments),
        *(when for when, _ in compiled.connect_fee_adjustments),
        *(cap.when for cap in revision.price_caps),
        *(bundle.when for bundle in revision.bundles),
        *(tiers.when for tiers in revision.volume_tiers),
    )
    return [when for when in dict.fromkeys(every) if looks_at_facts(when)]


def looks_at_facts(when: Condition) -> bool:
    """Whether a condition looks at anything but the service and the time band."""
    return bool(
        when.destination_prefixes or when.origin_prefixes or when.relations or when.jurisdictions
    )


def situation_of(terms: Terms, failing: frozenset[Condition]) -> Situation:
    """The terms where some conditions on facts fail and all others hold; made once."""
    key = "situation", failing
    situation = terms.kept.get(key)
    if situation is None:
        codes = ("", *(band.code for band in terms.revision.time_bands))
        bands = tuple(_band_terms(terms, code, failing) for code in codes)
        chain = bands[0].chain
        is_common = all(band.chain is chain for band in bands)
        situation = Situation(failing, bands, _tiers(terms), chain if is_common else None)
        terms.kept[key] = situation
    known: Situation = situation
    return known


def deck_currencies(terms: Terms) -> frozenset[str]:
    """The currencies of all decks that the terms may ask."""
    known: frozenset[str] | None = terms.kept.get("currencies")
    if known is None:
        chains = [terms.chains, *(chains for _, chains in terms.choices)]
        known = frozenset(each.currency for one in chains for each in one.get(Service.VOICE, ()))
        terms.kept["currencies"] = known
    return known


def _band_terms(terms: Terms, code: str, failing: frozenset[Condition]) -> BandTerms:
    def holds(when: Condition) -> bool:
        is_for_voice = when.service is None or when.service is Service.VOICE
        in_band = not when.time_bands or code in when.time_bands
        return is_for_voice and in_band and when not in failing

    compiled = terms.compiled
    chosen = [chains for when, chains in terms.choices if holds(when)]
    fee = [step for when, step in compiled.connect_fee_adjustments if holds(when)]
    caps = [cap for cap in terms.revision.price_caps if holds(cap.when)]
    return BandTerms(
        (chosen or [terms.chains])[0].get(Service.VOICE, ()),
        tuple(step for when, step in compiled.adjustments if holds(when)),
        _product(fee),
        caps[0] if caps else None,
    )


def _product(steps: Sequence[Step]) -> Ratio:
    numerator = denominator = 1
    for step in steps:
        numerator, denominator = numerator * step.numerator, denominator * step.denominator
    return numerator, denominator


def _tiers(terms: Terms) -> tuple[Tier, ...]:
    tiers = terms.compiled.duration_tiers
    return tuple(Tier(start, tiers.step_at(start)) for start in sorted({0, *tiers.starts}))
