"""Terms of a plan as JSON: by names and types of the domain's dataclasses, without defaults."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import date
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from services.rating.domain.plans.plan import BundleAllowance, PlanRevision

# Counts changes after which earlier documents are to be read otherwise.
DOCUMENT_VERSION = 1

# Those that are compared and sorted by, which have columns of their own.
_COLUMNS = {
    "plan_revision_id",
    "plan_id",
    "revision",
    "effective_time",
    "rate_deck_ids",
    "duration_rounding",
    "price_rule",
    "monthly_fee_micros",
}


def terms_to_json(terms: PlanRevision) -> str:
    """All terms of a revision that have no column, as one document."""
    parts = {name: value for name, value in _to_json(terms).items() if name not in _COLUMNS}
    document = {"version": DOCUMENT_VERSION, **parts}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def terms_from_json(document: str) -> dict[str, Any]:
    """The arguments of a revision that a document holds."""
    parts = json.loads(document)
    version = parts.pop("version")
    assert version == DOCUMENT_VERSION, f"a newer release wrote terms of version {version}"
    return _fields_from_json(PlanRevision, parts)


def allowance_to_json(allowance: BundleAllowance) -> dict[str, Any]:
    """A bundle."""
    return _to_json(allowance)


def allowance_from_json(content: Mapping[str, Any]) -> BundleAllowance:
    """A bundle."""
    return BundleAllowance(**_fields_from_json(BundleAllowance, content))


def _to_json(value: Any) -> dict[str, Any]:
    """What differs from the defaults of a dataclass or a named tuple, by name."""
    if dataclasses.is_dataclass(value):
        defaults = {field.name: field.default for field in dataclasses.fields(value)}
    else:
        defaults = {name: value._field_defaults.get(name) for name in value._fields}
    found = {name: getattr(value, name) for name in defaults}
    return {name: _value_to_json(part) for name, part in found.items() if part != defaults[name]}


def _value_to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
        return _to_json(value)
    if isinstance(value, tuple):
        return [_value_to_json(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value


def _fields_from_json(kind: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    readers = _readers(kind)
    return {name: readers[name](part) for name, part in content.items()}


@cache
def _readers(kind: Any) -> dict[str, Callable[[Any], Any]]:
    """How each field of a dataclass or a named tuple is read."""
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _reader(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, UnionType):
        [known] = [each for each in get_args(hint) if each is not NoneType]
        return _reader(known)
    if get_origin(hint) is tuple:
        read = _reader(get_args(hint)[0])
        return lambda parts: tuple(read(part) for part in parts)
    if hint is date:
        return date.fromisoformat
    if issubclass(hint, IntEnum):
        numbered: type[IntEnum] = hint
        return numbered
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        return lambda content: hint(**_fields_from_json(hint, content))
    return lambda value: value
