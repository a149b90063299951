"""The receipts of calls: what their price was worked out from, in the order of the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from services.rating.domain.allowances.bundles import BundleUse
from services.rating.domain.allowances.volume import Volume
from services.rating.domain.compact_json import json_text, quoted
from services.rating.domain.counters import CounterKey, CounterUse
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.plan import Crossing, PlanRevision
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.full_price import FullPrice, PricingCase
from services.rating.domain.pricing.rate_search import FoundRate, InForce
from services.rating.domain.pricing.segments import Segment
from services.rating.domain.receipts.receipt import GRACE, RECEIPT_VERSION, exact_text, sealed
from services.rating.domain.tariffs.price_steps import Step
from services.rating.domain.tariffs.terms import CACHED_RATES_MAX, Terms
from services.rating.domain.usage import Service

# A text for each counter that receipts show.
KEY_TEXTS_MAX = 10_000


def call_head(governing: Terms, currency: str, found: FoundRate) -> bytes:
    """What the receipts of all calls have in common that one row of a deck prices first."""
    key = found.version.rate_deck_version_id, found.row, currency
    heads = governing.receipt_heads
    head = heads.get(key)
    if head is None:
        if len(heads) >= CACHED_RATES_MAX:
            heads.clear()
        head = heads[key] = json_text(_head(governing, currency, found))[:-1].encode()
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
    texts = {"free": quoted(GRACE), **_recorded(usage), "amount_micros": "0"}
    return continued(head, texts)


def full_call(head: bytes, case: PricingCase, price: FullPrice) -> bytes:
    """The receipt of a call with all that its terms say; what is empty is left out."""
    segments = _segments(price.segments, case.first, case.governing)
    revision, cap = case.governing.revision, price.cap
    texts = {
        "exchanges": list_text(json_text, price.conversions.shown()),
        "begin_micros": str(case.usage.begin_micros) if segments else "",
        **_recorded(case.usage),
        "charged": str(case.charged),
        "bundles": list_text(bundle_text, price.covering),
        "segments": segments,
        "volume": _volume(price.volume, price.volume_use),
        "connect_fee_steps": steps_text(price.connect_fee_steps),
        "cap_micros": str(cap.amount_micros) if cap else "",
        "cap_includes_connect_fee": "true" if cap and cap.includes_connect_fee else "",
        "minimum_charge_micros": str(revision.minimum_charge_micros or ""),
        "exact_micros": f'"{exact_text(price.exact_micros)}"',
        "rounded_micros": str(price.rounded_micros) if price.paying else "",
        "money_bundles": list_text(bundle_text, price.paying),
        "amount_micros": str(price.amount_micros),
    }
    return continued(head, texts)


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
        **_figures(connect_fee_micros=rate.connect_fee_micros),
        **({"first_increment": rate.first_increment} if rate.first_increment != 1 else {}),
        **({"next_increment": rate.next_increment} if rate.next_increment != 1 else {}),
        **_figures(minimum=rate.minimum, grace_seconds=rate.grace_seconds),
    }


def _figures(**figures: int) -> dict[str, int]:
    """Those that are not 0."""
    return {name: figure for name, figure in figures.items() if figure}


def _recorded(usage: Usage) -> dict[str, str]:
    """What was recorded."""
    if usage.service is Service.VOICE:
        return {"duration_ms": str(usage.duration_ms)}
    return {"quantity": str(usage.quantity)}


def _segments(segments: Sequence[Segment], first: InForce, governing: Terms) -> str:
    """The segments; none where all base units simply cost the first rate."""
    texts = [_segment(each, first, governing) for each in segments]
    return "" if len(texts) == 1 and "," not in texts[0] else list_text(str, texts)


def _segment(segment: Segment, first: InForce, governing: Terms) -> str:
    """What is said of a segment beside its units is what is not as in the governing terms."""
    return f'{{"units":{segment.units}{segment_end(segment, first, governing)}'


def segment_end(segment: Segment, first: InForce, governing: Terms) -> str:
    """What follows the units of a segment; "}" where it has simply the first rate."""
    (terms, band, found), steps = segment.in_force, segment.steps
    text = ""
    if band:
        text += f',"band":{quoted(band)}'
    if terms.compiled is not governing.compiled:
        text += f',"plan_revision_id":{quoted(terms.revision.plan_revision_id)}'
        if terms.currency != governing.currency:
            text += f',"plan_currency":{quoted(terms.currency)}'
    if found is not first.found and found != first.found:
        text += f',"rate":{json_text(_rate(found))}'
    if steps:
        text += f',"steps":{steps_text(steps)}'
    return text + "}"


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


def bundle_text(paying: BundleUse) -> str:
    """A bundle that pays, with the position of its counter."""
    key, before, after = paying.use
    used = f',"before":{before.used}' if before.used else ""
    fee = ',"covers_connect_fee":true' if paying.bundle.allowance.covers_connect_fee else ""
    return f'{{{_key_text(key)},"granted":{before.granted}{used},"after":{after.used}{fee}}}'


def volume_text(ends: tuple[str, str], use: CounterUse) -> str:
    """The volume tier set that applies, between its ends the position of its counter."""
    before, after = use.before, use.after
    spent = ""
    if after.spent_micros or before.spent_micros:
        spent = field_text("spent_before_micros", before.spent_micros)
        spent += field_text("spent_after_micros", after.spent_micros)
    return f'{ends[0]},"before":{before.used},"after":{after.used}{spent}{ends[1]}'


def volume_ends(volume: Volume) -> tuple[str, str]:
    """What is said of a volume tier set before and after the position of its counter."""
    measure, mode = volume.tiers.measure.name, volume.tiers.mode.name
    begin = f'{{{_key_text(volume.key)},"measure":"{measure}","mode":"{mode}"'
    return begin, f',"tiers":{steps_text(volume.steps)}}}'


def _volume(volume: Volume | None, use: CounterUse | None) -> str:
    if volume is None or use is None:
        return ""
    return volume_text(volume_ends(volume), use)


@lru_cache(maxsize=KEY_TEXTS_MAX)
def _key_text(key: CounterKey) -> str:
    return json_text(key._asdict())[1:-1]


def continued(head: bytes, texts: Mapping[str, str]) -> bytes:
    """A receipt that goes on with fields as JSON; those without a text are left out."""
    rest = "".join([field_text(key, text) for key, text in texts.items()])
    return sealed(head + rest.encode())


def list_text(text_of: Callable[[Any], str], values: Sequence[Any]) -> str:
    """A list as JSON; nothing of an empty one."""
    return f"[{','.join([text_of(each) for each in values])}]" if values else ""


def steps_text(steps: Sequence[Step]) -> str:
    """Steps as JSON, in their order."""
    return list_text(_step, steps)


def _step(step: Step) -> str:
    return step.text


def field_text(name: str, value: int | str) -> str:
    """A further field, unless it is 0 or empty."""
    return f',"{name}":{value}' if value else ""
