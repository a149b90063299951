"""Accepted calls, and the columns of CallsCollected that tell of them."""

from collections.abc import Sequence
from typing import NamedTuple

from chassis import columns
from services.cdr.domain.records import NormalisedCall
from services.cdr.domain.source import Source
from services.cdr.store.lines import Line
from tollbook.cdr.v1.cdr_events_pb2 import CallsCollected


class Accepted(NamedTuple):
    """A call that is to be booked, with its line."""

    call: NormalisedCall
    revision: int
    line: Line


def collected_event(source: Source, accepted: Sequence[Accepted]) -> CallsCollected:
    """The event of one partition."""
    calls = [each.call for each in accepted]
    lines = [each.line for each in accepted]
    answers = [call.answer_micros for call in calls]
    batch = columns.encode(
        {
            "call_id": columns.key16([call.call_id for call in calls]),
            "revision": columns.int32([each.revision for each in accepted]),
            "call_key_kind": columns.uint8([source.profile.call_key_kind] * len(calls)),
            "call_key": columns.text([call.call_key for call in calls]),
            "leg": columns.dictionary([call.leg for call in calls]),
            "account_id": columns.dictionary([line.account_id for line in lines]),
            "payer_account_id": columns.dictionary([line.payer_account_id for line in lines]),
            "line_id": columns.dictionary([line.line_id for line in lines]),
            "caller": columns.text([call.caller for call in calls]),
            "callee": columns.text([call.callee for call in calls]),
            "callee_kind": columns.uint8([call.callee_kind for call in calls]),
            "start_time": columns.int64([call.start_micros for call in calls]),
            "answer_time": columns.int64(
                [answer or 0 for answer in answers], [answer is None for answer in answers]
            ),
            "duration": columns.int64([call.duration_ms for call in calls]),
            "answered": columns.uint8([call.answered for call in calls]),
            "egress_trunk": columns.dictionary([call.egress_trunk for call in calls]),
            "routing_number": columns.dictionary([call.routing_number for call in calls]),
        },
        row_count=len(calls),
    )
    return CallsCollected(source_id=source.source_id, calls=batch)
