"""The receipts of calls: what their price was worked out from, in the order of the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.rating.domain.bundles import BundleUse
from services.rating.domain.counters import CounterUse
from services.rating.domain.exact import Ratio
from services.rating.domain.full_price import FullPrice, PricingCase
from services.rating.domain.plan import Crossing, PlanRevision
from services.rating.domain.priced_call import Usage
from services.rating.domain.rate_search import FoundRate, InForce
from services.rating.domain.receipt import GRACE, RECEIPT_VERSION, encoded, exact_text, sealed
from services.rating.domain.segments import Segment
from services.rating.domain.terms import CACHED_RATES_MAX, Terms
from services.rating.domain.usage import Service
from services.rating.domain.volume import Volume

# Whatever they are; all else is left out when it is empty or 0.
_ALWAYS_WRITTEN = {"duration_ms", "quantity", "cap_micros", "amount_micros"}


def call_head(governing: Terms, currency: str, found: FoundRate) -> bytes:
    """What the receipts of all calls have in common that one row of a deck prices first."""
    key = found.version.rate_deck_version_id, found.row, currency
    head: bytes | None = governing.heads.get(key)
    if head is None:
        if len(governing.heads) >= CACHED_RATES_MAX:
            governing.heads.clear()
        head = governing.heads[key] = encoded(_head(governing, currency, found))[:-1]
    return head


def plain_call(
    head: bytes, usage: Usage, charged: int, exact_micros: Ratio, amount_micros: int
) -> bytes:
    """The receipt of a call without anything but its rate."""
    if usage.service is Service.VOICE:
        return plain_voice_call(head, usage.duration_ms, charged, exact_micros, amount_micros)
    return sealed(
        b'%b,"quantity":%d,"charged":%d,"exact_micros":"%b","amount_micros":%d'
        % (head, usage.quantity, charged, exact_text(exact_micros).encode(), amount_micros)
    )


def plain_voice_call(
    head: bytes, duration_ms: int, charged: int, exact_micros: Ratio, amount_micros: int
) -> bytes:
    """The receipt of a voice call without anything but its rate."""
    return sealed(
        b'%b,"duration_ms":%d,"charged":%d,"exact_micros":"%b","amount_micros":%d'
        % (head, duration_ms, charged, exact_text(exact_micros).encode(), amount_micros)
    )


def grace_call(head: bytes, usage: Usage) -> bytes:
    """The receipt of a call that was too short to cost anything."""
    fields = {"free": GRACE, **_recorded(usage), "amount_micros": 0}
    return _continued(head, fields)


def full_call(head: bytes, case: PricingCase, price: FullPrice) -> bytes:
    """The receipt of a call with all that its terms say."""
    segments = _segments(price.segments, case.first, case.governing)
    fields: dict[str, Any] = {
        "exchanges": price.conversions.shown(),
        "begin_micros": case.usage.begin_micros if segments else 0,
        **_recorded(case.usage),
        "charged": case.charged,
        "bundles": _bundles(price.covering),
        "segments": segments,
        "volume": _volume(price.volume, price.volume_use),
        "connect_fee_steps": [step.shown for step in price.connect_fee_steps],
        **_limits(price, case.governing.revision),
        "exact_micros": exact_text(price.exact_micros),
        "rounded_micros": price.rounded_micros if price.paying else 0,
        "money_bundles": _bundles(price.paying),
        "amount_micros": price.amount_micros,
    }
    written = {key: value for key, value in fields.items() if value or key in _ALWAYS_WRITTEN}
    return _continued(head, written)


def plan_fields(revision: PlanRevision, plan_currency: str, currency: str) -> dict[str, Any]:
    """The plan and its rounding, as receipts show them."""
    return {
        **({"plan_currency": plan_currency} if plan_currency != currency else {}),
        "plan_revision_id": revision.plan_revision_id,
        "price_rounding": revision.price_rule.mode.value,
        "price_decimals": revision.price_rule.decimals,
    }


def deck_fields(found: FoundRate, plan_currency: str) -> dict[str, Any]:
    """Where a rate was found, and its price."""
    version, _, rate = found
    return {
        "deck_version_id": version.rate_deck_version_id,
        "row_number": rate.row_number,
        "prefix": rate.prefix,
        **({"destination": rate.destination} if rate.destination else {}),
        **({"deck_currency": version.currency} if version.currency != plan_currency else {}),
        "price_nanos": rate.price_nanos,
    }


def _head(governing: Terms, currency: str, found: FoundRate) -> dict[str, Any]:
    revision, rate, service = governing.revision, found.rate, found.version.service
    is_voice = service is Service.VOICE
    return {
        "version": RECEIPT_VERSION,
        "kind": service.name,
        "currency": currency,
        **plan_fields(revision, governing.currency, currency),
        **({"duration_rounding": revision.duration_rounding.name} if is_voice else {}),
        **({"crossing": "AT_START"} if revision.crossing is Crossing.AT_START else {}),
        **deck_fields(found, governing.currency),
        **_set(connect_fee_micros=rate.connect_fee_micros),
        **({"first_increment": rate.first_increment} if rate.first_increment != 1 else {}),
        **({"next_increment": rate.next_increment} if rate.next_increment != 1 else {}),
        **_set(minimum=rate.minimum, grace_seconds=rate.grace_seconds),
    }


def _recorded(usage: Usage) -> dict[str, int]:
    """What was recorded."""
    if usage.service is Service.VOICE:
        return {"duration_ms": usage.duration_ms}
    return {"quantity": usage.quantity}


def _segments(
    segments: Sequence[Segment], first: InForce, governing: Terms
) -> list[dict[str, Any]]:
    """The segments; none where all base units simply cost the first rate."""
    shown = [_segment(each, first, governing) for each in segments]
    return [] if len(shown) == 1 and len(shown[0]) == 1 else shown


def _segment(segment: Segment, first: InForce, governing: Terms) -> dict[str, Any]:
    """What is said of a segment beside its units is what is not as in the governing terms."""
    (terms, band, found), steps = segment.in_force, segment.steps
    shown: dict[str, Any] = {"units": segment.units}
    if band:
        shown["band"] = band
    if terms.compiled is not governing.compiled:
        shown["plan_revision_id"] = terms.revision.plan_revision_id
        if terms.currency != governing.currency:
            shown["plan_currency"] = terms.currency
    if found is not first.found and found != first.found:
        shown["rate"] = _rate(found)
    if steps:
        shown["steps"] = [step.shown for step in steps]
    return shown


def _rate(found: FoundRate) -> dict[str, Any]:
    version, _, rate = found
    return {
        "deck_version_id": version.rate_deck_version_id,
        "row_number": rate.row_number,
        "prefix": rate.prefix,
        "destination": rate.destination,
        "price_nanos": rate.price_nanos,
        "currency": version.currency,
    }


def _bundles(uses: Sequence[BundleUse]) -> list[dict[str, Any]]:
    """The bundles that pay, in the order of use."""
    return [
        {
            **use.key._asdict(),
            "granted": use.before.granted,
            **_set(before=use.before.used),
            "after": use.after.used,
            **_set(covers_connect_fee=bundle.allowance.covers_connect_fee),
        }
        for bundle, use in uses
    ]


def _volume(volume: Volume | None, use: CounterUse | None) -> dict[str, Any]:
    """The volume tier set that applies, and the position of its counter."""
    if volume is None or use is None:
        return {}
    before, after = use.before, use.after
    return {
        **use.key._asdict(),
        "measure": volume.tiers.measure.name,
        "mode": volume.tiers.mode.name,
        "before": before.used,
        "after": after.used,
        **_set(spent_before_micros=before.spent_micros, spent_after_micros=after.spent_micros),
        "tiers": [step.shown for step in volume.steps],
    }


def _limits(price: FullPrice, revision: PlanRevision) -> dict[str, Any]:
    cap, minimum = price.cap, {"minimum_charge_micros": revision.minimum_charge_micros}
    if cap is None:
        return minimum
    limits = {"cap_micros": cap.amount_micros, "cap_includes_connect_fee": cap.includes_connect_fee}
    return limits | minimum


def _continued(head: bytes, fields: Mapping[str, Any]) -> bytes:
    return sealed(head + b"," + encoded(fields)[1:-1])


def _set(**fields: int) -> dict[str, int]:
    """Those that are not 0 or false."""
    return {name: value for name, value in fields.items() if value}
