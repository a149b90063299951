"""Recompute what a receipt says was charged, from the receipt alone: docs/reference/receipts.md.

    python -I check_receipt.py [FILE ...]      one receipt on a line; without a file, standard input

Exits with 0 if every receipt holds, else 1. Nothing but Python's standard library is needed.
"""

import fileinput
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

DIGEST_DIGITS = 16
ONE = 10**6
DECIMALS_MAX = 6
TERMS_OF_SEGMENT = ("band", "plan_revision_id", "plan_currency", "rate")
NANOS_PER_MICRO = 1_000
UNIT_SIZES = {"VOICE": 60, "SMS": 1, "DATA": 10**6}

Fields = Any  # an object of JSON; its keys and values are checked before they are used


class WrongReceiptError(Exception):
    """A receipt that does not hold, and why."""


def check(receipt: bytes) -> list[str]:
    """What is wrong with a receipt; nothing if it holds."""
    problems = []
    content = receipt.rpartition(b',"digest":')[0]
    expected = hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]
    if receipt.strip() != content + f',"digest":"{expected}"}}'.encode():
        problems.append(f"the digest of these bytes is {expected}: they were changed")
    try:
        recompute(receipt)
    except WrongReceiptError as problem:
        problems.append(str(problem))
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as problem:
        problems.append(f"not a receipt: {problem!r}")
    return problems


def recompute(receipt: bytes) -> list[str]:
    """The steps that lead to the amount, in words; WrongReceiptError where one does not hold."""
    # Whatever is no whole number becomes something that no key may hold.
    fields = json.loads(receipt, parse_float=Fraction, object_pairs_hook=_once)
    _require(isinstance(fields, dict), "a receipt is a JSON object")
    kind, free = fields["kind"], fields.get("free")
    keys = _CALL if kind in UNIT_SIZES else _FEE
    _check_keys("receipt", fields, f"version kind currency {keys} digest")
    if free:
        _same("amount_micros", fields["amount_micros"], 0)
        grace = fields.get("grace_seconds", 0) * 1_000
        is_within = 0 < fields.get("duration_ms", 0) <= grace
        _require(is_within or free != "GRACE", "a call beyond its grace is not free")
        return [f"{kind} receipt: free, {free}"]
    return [f"{kind} receipt:", *(_Call(fields) if kind in UNIT_SIZES else _Fee(fields)).steps()]


class _Exchanges:
    """The exchange rates of a receipt; each has to be used."""

    def __init__(self, rates: list[Fields]) -> None:
        self._rates: dict[tuple[str, str], Fraction] = {}
        self._unused = set()
        for rate in rates:
            pair = (rate["from"], rate["to"])
            _require(pair not in self._rates and pair[0] != pair[1], f"{pair} twice or to itself")
            value = Fraction(rate["rate"])
            _require(value > 0, f"the exchange rate of {pair} is not above 0")
            self._rates[pair] = 1 / value if rate.get("inverse") else value
            self._unused.add(pair)

    def rate(self, source: str, target: str) -> Fraction:
        if source == target:
            return Fraction(1)
        _require((source, target) in self._rates, f"no exchange rate from {source} to {target}")
        self._unused.discard((source, target))
        return self._rates[source, target]

    def check_all_used(self) -> None:
        _require(not self._unused, f"exchange rates that nothing needs: {sorted(self._unused)}")


class _Priced:
    """What has an exact price that is exchanged and rounded once."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._exchanges = _Exchanges(fields.get("exchanges", []))
        self._plan_currency: str = fields.get("plan_currency", fields["currency"])
        self._deck_currency: str = fields.get("deck_currency", self._plan_currency)
        self._is_at_start = fields.get("crossing") == "AT_START"

    def _check_exact(self, exact: Fraction, bundles: list[Fields]) -> int:
        """The amount: the exact price rounded, less what bundles of money pay for."""
        lowest_terms = f"{exact.numerator}/{exact.denominator}"
        _same("exact_micros", self._fields["exact_micros"], lowest_terms)
        rounded = _rounded(exact, self._fields)
        stated = self._fields["rounded_micros"] if bundles else rounded
        _same("rounded_micros", self._fields.get("rounded_micros", stated), rounded)
        amount = rounded - _used_up(bundles, rounded)
        _same("amount_micros", self._fields.get("amount_micros", 0), amount)
        self._exchanges.check_all_used()
        return amount


class _Call(_Priced):
    """A priced call, message or data session: the steps of docs/concepts/pricing.md."""

    def steps(self) -> list[str]:
        fields = self._fields
        quantity = self._quantity()
        _same("charged", fields.get("charged", 0), self._charged(quantity))
        charged = fields.get("charged", 0)
        covered = _used_up(fields.get("bundles", []), charged)
        paid = charged - covered
        to_account = self._exchanges.rate(self._plan_currency, fields["currency"])
        plain_time = sum(self._costs(covered, paid), Fraction(0)) * to_account
        time = self._spend_cut(plain_time) / to_account
        fee = self._connect_fee()
        exact = self._limited(fee, time, is_used=paid > 0) * to_account
        amount = self._check_exact(exact, fields.get("money_bundles", []))
        self._check_volume(paid, plain_time, amount)
        return [
            f"{quantity} used, {charged} charged, {covered} of them covered by bundles",
            f"connect fee {fee} and time {time} micros {self._plan_currency}",
            f"exact {exact} micros {fields['currency']}; rounded, {amount} are charged",
        ]

    def _quantity(self) -> int:
        if self._fields["kind"] != "VOICE":
            return int(self._fields["quantity"])
        milliseconds = self._fields["duration_ms"]
        grace = self._fields.get("grace_seconds", 0)
        _require(not 0 < milliseconds <= grace * 1_000, "a call within its grace is free")
        return _to_whole(Fraction(milliseconds, 1_000), self._fields["duration_rounding"])

    def _charged(self, quantity: int) -> int:
        to_cover = max(quantity, self._fields.get("minimum", 0))
        first, following = (self._fields.get(f"{name}_increment", 1) for name in ("first", "next"))
        more = max(to_cover - first, 0)
        return int(first + -(-more // following) * following)

    def _costs(self, covered: int, paid: int) -> Iterator[Fraction]:
        """Micros of the plan's currency for each run of paid units of one price."""
        segments = self._fields.get("segments") or ([{"units": paid}] if paid else [])
        _same("units of all segments", sum(each["units"] for each in segments), paid)
        first = 0
        for segment in segments:
            is_same = all(segment.get(key) == segments[0].get(key) for key in TERMS_OF_SEGMENT)
            _require(is_same or not self._is_at_start, "terms change in a call priced AT_START")
            price = self._segment_price(segment, covered + first)
            for units, tier in self._volume_runs(first, first + segment["units"]):
                nanos = _tiered(price, tier)
                yield units * nanos / NANOS_PER_MICRO / UNIT_SIZES[self._fields["kind"]]
            first += segment["units"]

    def _segment_price(self, segment: Fields, first_unit: int) -> Fraction:
        rate = segment.get("rate", {})
        source = rate.get("currency", self._deck_currency)
        currency = segment.get("plan_currency", self._plan_currency)
        nanos = rate.get("price_nanos", self._fields["price_nanos"])
        price: Fraction = nanos * self._exchanges.rate(source, currency)
        for step in segment.get("steps", []):
            _require(step.get("tier_from", 0) <= first_unit, "a duration tier before its time")
            price = max(_tiered(price, step) + step.get("surcharge_nanos", 0), Fraction(0))
        return price * self._exchanges.rate(currency, self._plan_currency)

    def _volume_runs(self, first: int, end: int) -> Iterator[tuple[int, Fields]]:
        """The parts of a run of paid units that lie in different volume tiers."""
        volume = self._fields.get("volume", {})
        if volume.get("mode") != "GRADUATED" or volume["measure"] == "SPEND":
            yield end - first, {}
        elif self._is_at_start or volume["measure"] == "CALLS":
            yield end - first, _tier_at(volume, volume["before"])
        else:
            position = volume["before"]
            cuts = (tier["from"] - position for tier in volume["tiers"])
            places = [first, *(cut for cut in cuts if first < cut < end), end]
            for start, stop in pairwise(places):
                yield stop - start, _tier_at(volume, position + start)

    def _spend_cut(self, cost: Fraction) -> Fraction:
        """The time cost, each part of it by the tier of spending that it lies in."""
        volume = self._fields.get("volume", {})
        if (volume.get("mode"), volume.get("measure")) != ("GRADUATED", "SPEND"):
            return cost
        position = Fraction(volume["before"])
        if self._is_at_start:
            return _tiered(cost, _tier_at(volume, position))
        starts = (Fraction(tier["from"]) for tier in volume["tiers"])
        cuts = (start for start in starts if position < start < position + cost)
        runs = pairwise([position, *cuts, position + cost])
        parts = (_tiered(stop - start, _tier_at(volume, start)) for start, stop in runs)
        return sum(parts, Fraction(0))

    def _connect_fee(self) -> Fraction:
        fields = self._fields
        fee = Fraction(fields.get("connect_fee_micros", 0))
        fee *= self._exchanges.rate(self._deck_currency, self._plan_currency)
        for step in fields.get("connect_fee_steps", []):
            fee = _tiered(fee, step)
        is_covered = any(each.get("covers_connect_fee") for each in fields.get("bundles", [])[:1])
        return Fraction(0) if is_covered else fee

    def _limited(self, fee: Fraction, time: Fraction, *, is_used: bool) -> Fraction:
        cap = Fraction(self._fields.get("cap_micros", 0))
        exact = fee + time
        if self._fields.get("cap_includes_connect_fee"):
            exact = min(exact, cap)
        elif "cap_micros" in self._fields:
            exact = fee + min(time, cap)
        minimum = Fraction(self._fields.get("minimum_charge_micros", 0))
        return max(exact, minimum) if is_used or fee else exact

    def _check_volume(self, paid: int, plain_time: Fraction, amount: int) -> None:
        if "volume" not in self._fields:
            return
        volume = self._fields["volume"]
        is_whole = volume["mode"] == "WHOLE_VOLUME"
        calls = paid if self._fields["kind"] == "SMS" else min(paid, 1)
        spend = amount if is_whole else _rounded(plain_time, self._fields)
        counted = {"QUANTITY": paid, "CALLS": calls, "SPEND": spend}[volume["measure"]]
        _same("volume", volume["after"] - volume["before"], counted)
        spent = volume.get("spent_after_micros", 0) - volume.get("spent_before_micros", 0)
        _same("spent_after_micros", spent, amount if is_whole else 0)


class _Fee(_Priced):
    """A fee, the rental of a number, or the adjustment by which a whole volume is settled."""

    def steps(self) -> list[str]:
        exact = self._adjustment() if "volume" in self._fields else self._share_of_price()
        amount = self._check_exact(exact, [])
        return [f"exact {exact} micros {self._fields['currency']}; rounded, {amount} are charged"]

    def _share_of_price(self) -> Fraction:
        fields = self._fields
        fee = fields.get("monthly_fee_micros", 0) + fields.get("fee_micros", 0)
        price: Fraction = fee + Fraction(fields.get("price_nanos", 0), NANOS_PER_MICRO)
        is_whole = fields["kind"] == "ONE_OFF_FEE"
        days = (1, 1) if is_whole else (fields["covered_days"], fields["period_days"])
        share = Fraction(*days)
        _require(share <= 1, "more days are covered than the period has")
        price *= self._exchanges.rate(self._deck_currency, self._plan_currency)
        return price * share * self._exchanges.rate(self._plan_currency, fields["currency"])

    def _adjustment(self) -> Fraction:
        volume = self._fields["volume"]
        tier = _tier_at(volume, volume["count"])
        spent = Fraction(volume["spent_micros"])
        if "price_nanos" not in tier:
            return _tiered(spent, tier) - spent
        exchange = self._exchanges.rate(self._plan_currency, self._fields["currency"])
        nanos = Fraction(volume["count"] * tier["price_nanos"])
        return nanos / UNIT_SIZES[self._fields["service"]] / NANOS_PER_MICRO * exchange - spent


def _used_up(bundles: list[Fields], needed: int) -> int:
    """What bundles pay for: each is used up before the next one, and all before the customer."""
    total = 0
    for bundle in bundles:
        before, after = bundle.get("before", 0), bundle["after"]
        _require(before < after <= bundle["granted"], "a bundle pays for what it does not hold")
        total += after - before
        reaches = total < needed and after == bundle["granted"]
        _require(reaches or (total == needed and bundle is bundles[-1]), "bundles out of step")
    return total


def _tier_at(volume: Fields, count: int | Fraction) -> Fields:
    starts = [tier["from"] for tier in volume["tiers"]]
    _require(starts == sorted({0, *starts}), "volume tiers do not ascend from 0")
    return [tier for tier in volume["tiers"] if tier["from"] <= count][-1]


def _tiered(price: Fraction, step: Fields) -> Fraction:
    if "price_nanos" in step:
        return Fraction(step["price_nanos"])
    return price * Fraction(step.get("factor_millionths", ONE), ONE)


def _rounded(exact: Fraction, fields: Fields) -> int:
    step = int(10 ** (DECIMALS_MAX - fields["price_decimals"]))
    return _to_whole(exact / step, fields["price_rounding"]) * step


def _to_whole(exact: Fraction, rounding: str) -> int:
    if exact < 0:
        return -_to_whole(-exact, rounding)
    whole, rest = divmod(exact.numerator, exact.denominator)
    twice = 2 * rest - exact.denominator
    is_tie_up = rounding == "HALF_UP" or whole % 2 == 1
    nearest = twice > 0 or (twice == 0 and is_tie_up)
    return int(whole + {"UP": rest > 0, "DOWN": False}.get(rounding, nearest))


def _same(name: str, stated: object, computed: object) -> None:
    _require(stated == computed, f"{name}: the receipt has {stated}, its steps lead to {computed}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise WrongReceiptError(problem)


# What a receipt may hold: the keys of each object in their order, and what each may be as JSON.

_RATE = "deck_version_id row_number prefix destination"
_PLAN = "plan_currency plan_revision_id price_rounding price_decimals"
_CALL = (
    f"{_PLAN} duration_rounding crossing {_RATE} deck_currency price_nanos connect_fee_micros "
    "first_increment next_increment minimum grace_seconds free exchanges begin_micros duration_ms "
    "quantity charged bundles segments volume connect_fee_steps cap_micros "
    "cap_includes_connect_fee minimum_charge_micros exact_micros rounded_micros money_bundles "
    "amount_micros"
)
_FEE = (
    f"free {_PLAN} monthly_fee_micros fee_code fee_micros {_RATE} deck_currency price_nanos "
    "covered_days period_days service volume exchanges exact_micros amount_micros"
)
_COUNTER = "owner_account_id source_id code period_start_micros period_end_micros"
_PARTS = {
    "exchanges": "from to rate inverse source effective_micros",
    "bundles": f"{_COUNTER} granted before after covers_connect_fee",
    "segments": "units band plan_revision_id plan_currency rate steps",
    "rate": f"{_RATE} price_nanos currency",
    "steps": "tier_from code factor_millionths price_nanos surcharge_nanos",
    "volume": f"{_COUNTER} measure mode before after spent_before_micros spent_after_micros "
    "count spent_micros tiers",
    "tiers": "from factor_millionths price_nanos",
}
_PARTS |= {"money_bundles": _PARTS["bundles"], "connect_fee_steps": _PARTS["steps"]}
_PATTERNS = {
    '".+"': "currency plan_currency deck_currency plan_revision_id deck_version_id destination "
    "fee_code owner_account_id source_id code to source band kind",
    '"[A-Z]{3}"|[0-9]+': "from",
    "-?[0-9]+": "begin_micros effective_micros period_start_micros period_end_micros "
    "surcharge_nanos spent_before_micros spent_after_micros spent_micros amount_micros",
    "[1-9][0-9]*": "first_increment next_increment period_days units",
    '"[0-9]+"': "prefix",
    '"[0-9]+(\\.[0-9]+)?"': "rate",
    '"-?[0-9]+/[1-9][0-9]*"': "exact_micros",
    '"[0-9a-f]{16}"': "digest",
    '"(UP|DOWN|HALF_UP|HALF_EVEN)"': "price_rounding",
    '"(UP|DOWN|HALF_UP)"': "duration_rounding",
    '"AT_START"': "crossing",
    '"(VOICE|SMS|DATA)"': "service",
    '"(QUANTITY|CALLS|SPEND)"': "measure",
    '"(GRADUATED|WHOLE_VOLUME)"': "mode",
    '"(UNANSWERED|EMERGENCY|MOVED|REFUNDED|GRACE|NO_FEE)"': "free",
    "true": "inverse covers_connect_fee cap_includes_connect_fee",
    "[0-6]": "price_decimals",
    "2": "version",
}
_PATTERN_OF = {name: pattern for pattern, names in _PATTERNS.items() for name in names.split()}


def _check_keys(where: str, fields: Fields, keys: str) -> None:
    """Every key is known, in its place, and holds what it may hold."""
    _require(isinstance(fields, dict), f"{where} is no object")
    _require(list(fields) == [key for key in keys.split() if key in fields], f"keys of {where}")
    for key, value in fields.items():
        if isinstance(value, list | dict):
            _require(key in _PARTS and bool(value), f"{where}.{key} cannot be {value!r}")
            for part in value if isinstance(value, list) else [value]:
                _check_keys(f"{where}.{key}", part, _PARTS[key])
        else:
            holds = re.fullmatch(_PATTERN_OF.get(key, "[0-9]+"), json.dumps(value))
            _require(holds is not None, f"{where}.{key} cannot be {value!r}")


def _once(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    _require(len(fields) == len(pairs), "a key is written twice")
    return fields


def main(paths: list[str]) -> int:
    """Check every line of the files and say what was found."""
    wrong = 0
    with fileinput.input(paths, mode="rb") as receipts:
        for number, receipt in enumerate(receipts, start=1):
            problems = check(receipt)
            wrong += bool(problems)
            words = [f"WRONG: {each}" for each in problems] or recompute(receipt)
            print(f"{number}. " + "\n   ".join(words))
    print(f"{wrong} of the receipts are wrong" if wrong else "every receipt holds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
