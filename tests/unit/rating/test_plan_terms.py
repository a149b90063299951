"""Terms of plans come back from the store and from the wire as they were."""

import dataclasses
import json
from collections.abc import Iterator
from random import Random

import pytest

from services.rating.api.convert_plans import draft_from_proto, revision_to_proto
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    BundleAllowance,
    BundleUnit,
    Fee,
    PlanRevision,
    ResoldPlan,
)
from services.rating.domain.usage import Service
from services.rating.store.plan_terms import (
    allowance_from_json,
    allowance_to_json,
    terms_from_json,
    terms_to_json,
)
from tests.support.rating_oracle.random_tenants import random_scene
from tests.unit.rating.terms import BEGINNING, revision

SEEDS = range(30)
COLUMNS = {field.name for field in dataclasses.fields(PlanRevision)} - {
    field.name
    for field in dataclasses.fields(PlanRevision)
    if field.default is not dataclasses.MISSING
}


def random_revisions(seed: int) -> Iterator[PlanRevision]:
    """Terms of all kinds, with a fee, a floor and a resold plan besides."""
    rng = Random(seed)
    for terms in random_scene(rng).tenant.revisions:
        yield dataclasses.replace(
            terms,
            fees=(Fee("setup", "Aansluiting “één”", 25_000_000),),
            resold_plans=(ResoldPlan("019a7d00-0000-7000-8000-000000000001", 4_000_000),),
            margin_floor_millionths=rng.choice([None, -50_000, 0, 125_000]),
            monthly_fee_micros=rng.choice([0, 9_990_000]),
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_stored_terms_are_what_was_published(seed: int) -> None:
    """Every term, to the last digit and date; what has a column of its own is not stored twice."""
    for terms in random_revisions(seed):
        document = terms_to_json(terms)
        assert COLUMNS.isdisjoint(json.loads(document))
        columns = {name: getattr(terms, name) for name in COLUMNS}
        assert PlanRevision(**columns, **terms_from_json(document)) == terms


@pytest.mark.parametrize("seed", SEEDS)
def test_terms_that_are_shown_are_those_that_were_given(seed: int) -> None:
    """What a caller reads can be published again, and means the same."""
    for terms in random_revisions(seed):
        draft = draft_from_proto(revision_to_proto(terms, "EUR"), BEGINNING)
        identity = {
            name: getattr(terms, name) for name in ("plan_revision_id", "plan_id", "revision")
        }
        assert dataclasses.replace(draft.terms, **identity) == terms
        assert set(draft.currencies.values()) <= {"EUR"}


def test_plain_terms_take_no_room() -> None:
    """Of a plan without bands, tiers and bundles nothing is stored but the version."""
    assert terms_to_json(revision()) == '{"version":1}'


def test_a_bundle_is_stored_by_itself() -> None:
    """As an account gets it beside its plan."""
    bundle = BundleAllowance(
        "eu", Condition(Service.DATA, destination_prefixes=("31",)), BundleUnit.QUANTITY, 10**9
    )
    assert allowance_from_json(json.loads(json.dumps(allowance_to_json(bundle)))) == bundle
