"""The engine's prices are those of an oracle that reads the definition a second time.

A failure names its seed: list(settle_random_calls(seed)) prices the same calls again.
"""

import json
from collections import Counter
from functools import partial
from random import Random
from typing import Any

import pytest

from services.rating.domain.plans.plan_check import check_terms
from tests.support.rating_oracle.agreement import (
    CALLS_PER_TENANT,
    random_receipts,
    settle_random_calls,
)
from tests.support.rating_oracle.columns import check_random_batches
from tests.support.rating_oracle.fees import random_fees
from tests.support.rating_oracle.random_tenants import random_scene
from tests.support.refusals import refusal_reason
from tools.check_receipt import check

TENANTS_PER_CHUNK = 10
CHUNKS = 20_000 // (TENANTS_PER_CHUNK * CALLS_PER_TENANT)
BATCH_CHUNKS = 15
FEE_TENANTS = 100
# Each must be among the calls of this many tenants, or the calls have become too easy.
MIXED_TENANTS = 40
FEATURES = {
    *("VOICE", "SMS", "DATA", "UNANSWERED", "EMERGENCY", "GRACE"),
    *("bundles", "money_bundles", "rollover", "partly covered", "connect fee covered"),
    *("several bands", "several revisions", "several rates", "other plan's currency"),
    *("several steps", "connect_fee_steps", "cap_micros", "minimum_charge_micros", "exchanges"),
    *("GRADUATED QUANTITY", "GRADUATED CALLS", "GRADUATED SPEND", "tier passed in a call"),
    *("WHOLE_VOLUME QUANTITY", "WHOLE_VOLUME CALLS", "WHOLE_VOLUME SPEND"),
    *("AT_START", "beyond ten minutes", "beyond 64 bits"),
}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_price_is_the_rational_result_rounded_once(chunk: int) -> None:
    """Calls of random tenants, corrections among them, cost and count what the definition says."""
    first = chunk * TENANTS_PER_CHUNK
    for seed in range(first, first + TENANTS_PER_CHUNK):
        assert sum(1 for _ in settle_random_calls(seed)) == CALLS_PER_TENANT


@pytest.mark.parametrize("chunk", range(BATCH_CHUNKS))
def test_calls_cost_the_same_together_and_one_by_one(chunk: int) -> None:
    """A batch priced by columns has the prices and receipts of the scalar path, bit for bit."""
    first = chunk * TENANTS_PER_CHUNK
    for seed in range(first, first + TENANTS_PER_CHUNK):
        assert check_random_batches(seed) > 0


def test_fees_and_adjustments_cost_what_the_definition_says() -> None:
    """Subscriptions, set-ups, rented numbers and whole volumes, exact and rounded once."""
    kinds: Counter[str] = Counter()
    for seed in range(FEE_TENANTS):
        for priced, amount in random_fees(seed):
            assert priced.amount_micros == amount, f"{seed}: {priced.receipt.decode()}"
            assert check(priced.receipt) == [], priced.receipt
            kinds[json.loads(priced.receipt)["kind"]] += 1
    assert set(kinds) == {"RECURRING_FEE", "ONE_OFF_FEE", "DID_RENTAL", "VOLUME_ADJUSTMENT"}


def test_the_random_calls_meet_every_term_of_a_plan() -> None:
    """Whatever a plan may say has priced some of the calls that are compared."""
    seen: Counter[str] = Counter()
    for seed in range(MIXED_TENANTS):
        for receipt in random_receipts(seed):
            seen.update(_features(json.loads(receipt)))
    assert FEATURES - set(seen) == set()


def test_the_random_plans_are_plans_that_may_be_published() -> None:
    """What the calls are priced by passes the checks of a publication."""
    for seed in range(MIXED_TENANTS):
        for revision in random_scene(Random(seed)).tenant.revisions:
            assert refusal_reason(partial(check_terms, revision)) == ""


def _features(receipt: dict[str, Any]) -> set[str]:
    segments = receipt.get("segments", [])
    bundles = receipt.get("bundles", [])
    volume = receipt.get("volume", {"mode": "", "measure": "", "tiers": []})
    begin = receipt.get("begin_micros", 0)
    found = {
        "rollover": any(0 < each["period_end_micros"] < begin for each in bundles),
        "partly covered": bool(bundles and segments),
        "connect fee covered": any(each.get("covers_connect_fee") for each in bundles[:1]),
        "several bands": len({each.get("band") for each in segments}) > 1,
        "several revisions": len({each.get("plan_revision_id") for each in segments}) > 1,
        "several rates": any("rate" in each for each in segments),
        "other plan's currency": any("plan_currency" in each for each in segments),
        "several steps": any(len(each.get("steps", [])) > 1 for each in segments),
        "tier passed in a call": any(
            volume["before"] < tier["from"] < volume["after"] for tier in volume["tiers"]
        ),
        "beyond ten minutes": receipt.get("duration_ms", 0) > 600_000,
        "beyond 64 bits": int(receipt.get("exact_micros", "0/1").split("/")[0]) >= 2**63,
    }
    names = {name for name, is_found in found.items() if is_found}
    texts = {receipt["kind"], receipt.get("free", ""), receipt.get("crossing", "")}
    return {*names, *texts, *receipt, f"{volume['mode']} {volume['measure']}"}
