"""Sources of a Dutch exchange."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kernel.e164 import NumberPlan
from services.cdr.domain.source import LineRule, RecordFormat, Source, SourceProfile

PLAN = NumberPlan("31", "0", ("00",), frozenset({"100", "1200"}), frozenset({"112"}))
PROFILE = SourceProfile(
    numbers=PLAN,
    line_rule=LineRule.SIP_USER,
    call_key_kind=3,
    time_zone="Europe/Amsterdam",
)
NOW = datetime(2026, 3, 3, tzinfo=UTC)


def a_source(
    record_format: RecordFormat = RecordFormat.ASTERISK_CSV,
    code: str = "pbx",
    source_id: str = "0195a000-0000-7000-8000-000000000001",
    **profile: Any,
) -> Source:
    return Source("acme", source_id, code, record_format, replace(PROFILE, **profile), NOW)
