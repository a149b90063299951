"""Decides which of the calls that were read are new, and books those with their event."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from kernel.partition import partition_of
from services.cdr.domain.records import NormalisedCall, Reason, Rejection, shown
from services.cdr.domain.source import ConflictRule, LineRule, Source
from services.cdr.store.calls import KnownCall, insert_calls, known_calls, supersede_older
from services.cdr.store.lines import Line, find_lines, line_at
from services.cdr.usecases.collected_event import Accepted, collected_event

_LINE_NAMES = {
    LineRule.ACCOUNT_CODE: "account code",
    LineRule.SIP_USER: "SIP user",
    LineRule.CALLER_NUMBER: "calling number",
    LineRule.TRUNK: "trunk",
}


class Known(NamedTuple):
    """A call that is booked already, with the same content."""

    call_id: bytes


def decide(
    connection: Connection, source: Source, outcomes: Sequence[NormalisedCall | Rejection]
) -> list[Accepted | Known | Rejection]:
    """What becomes of each record, in order. The intake of the source must be locked."""
    calls = [outcome for outcome in outcomes if isinstance(outcome, NormalisedCall)]
    known = known_calls(connection, source.tenant_id, {call.call_id for call in calls})
    identifiers = {call.line_identifier for call in calls}
    rule = source.profile.line_rule
    lines = find_lines(connection, source.tenant_id, int(rule), identifiers) if calls else {}
    decisions: list[Accepted | Known | Rejection] = []
    for outcome in outcomes:
        decision = (
            outcome
            if isinstance(outcome, Rejection)
            else _decide_call(source, outcome, known.get(outcome.call_id), lines)
        )
        if isinstance(decision, Accepted):
            _remember(known, decision)
        decisions.append(decision)
    return decisions


def book_calls(uow: UnitOfWork, source: Source, accepted: Sequence[Accepted]) -> None:
    """Publish the calls, one event a partition, and store each with the place of its event."""
    partitions = _by_partition(source.tenant_id, accepted)
    rows = []
    for partition in sorted(partitions):
        batch = partitions[partition]
        event = collected_event(source, batch)
        position = uow.publish(event, source.tenant_id, partition)
        rows += [_row(source, each, position) for each in batch]
    insert_calls(uow.connection, rows)
    revised = [(each.call.call_id, each.revision) for each in accepted if each.revision > 1]
    supersede_older(uow.connection, source.tenant_id, revised)


def _by_partition(tenant_id: str, accepted: Sequence[Accepted]) -> dict[int, list[Accepted]]:
    """The calls of each partition; an account is hashed once, not once a call."""
    payers: dict[str, list[Accepted]] = defaultdict(list)
    for each in accepted:
        payers[each.line.payer_account_id].append(each)
    partitions: dict[int, list[Accepted]] = defaultdict(list)
    for payer, calls in payers.items():
        partitions[partition_of(tenant_id, payer)] += calls
    return partitions


def _decide_call(
    source: Source, call: NormalisedCall, known: KnownCall | None, lines: dict[str, list[Line]]
) -> Accepted | Known | Rejection:
    if known is not None and call.content_digest in known.content_digests:
        return Known(call.call_id)
    if known is not None and source.profile.conflict_rule is ConflictRule.SUSPEND:
        return Rejection(
            Reason.IDENTITY_CONFLICT,
            f"call {call.call_id.hex()} (id {shown(call.call_key)}, leg {shown(call.leg)}) is here "
            "with other content; find out which record is right: one that replaces the call is "
            "taken by a retry after the source's conflict rule is set to REVISE",
        )
    line = line_at(lines.get(call.line_identifier, []), call.start_micros)
    if line is None:
        return Rejection(Reason.UNKNOWN_LINE, _unknown_line_message(source, call))
    return Accepted(call, known.newest_revision + 1 if known else 1, line)


def _unknown_line_message(source: Source, call: NormalisedCall) -> str:
    name = _LINE_NAMES[source.profile.line_rule]
    if not call.line_identifier:
        return (
            f"the record has no {name}, by which the profile of source {source.code!r} finds the "
            "line; set it on the switch, or choose another line rule and retry"
        )
    return (
        f"no line has the {name} {shown(call.line_identifier)} at the start of the call; create "
        "the line (the record is then retried by itself), or correct the record at the source"
    )


def _remember(known: dict[bytes, KnownCall], accepted: Accepted) -> None:
    """A later record of the same batch must know this call."""
    call = accepted.call
    before = known.get(call.call_id)
    digests = before.content_digests if before else frozenset()
    known[call.call_id] = KnownCall(accepted.revision, digests | {call.content_digest})


def _row(source: Source, accepted: Accepted, position: EventPosition) -> tuple[object, ...]:
    """A row in the order of store.calls.CALL_COLUMNS."""
    call, revision, line = accepted
    return (
        source.tenant_id,
        call.call_id,
        revision,
        source.source_id,
        source.profile.call_key_kind,
        call.call_key,
        call.leg,
        line.account_id,
        line.payer_account_id,
        line.line_id,
        call.caller,
        call.callee,
        call.callee_kind,
        call.start_micros,
        call.answer_micros,
        int(call.answered),
        call.duration_ms,
        call.release_cause,
        call.egress_trunk,
        call.routing_number,
        call.content_digest,
        position.partition,
        position.sequence,
    )
