"""Hands the month over as the switches do: a log that grows and rotates, and pushes by HTTP."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from chassis.grpc.client import acting_for
from deploy.local.sample import asterisk, freeswitch
from deploy.local.sample.operator import TENANTS, Tenant
from deploy.local.sample.session import (
    REQUESTS_AT_ONCE_MAX,
    SampleError,
    Session,
    fixed_id,
    until,
)
from deploy.local.sample.traffic import Traffic, traffic_of
from kernel.ids import new_uuid
from tollbook.cdr.v1 import cdr_service_pb2, source_pb2
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.type.v1 import call_pb2

PUSH_PATH = "/push/freeswitch"
LOG_NAME = "Master.csv"
ROTATED_NAME = "Master.csv.1"


async def create_sources(session: Session) -> None:
    """Create both switches of each tenant, with the profile by which their records are read."""
    sources = cdr_grpc.SourceAdminServiceStub(session.channels["cdr"])
    for tenant in TENANTS:
        with acting_for(tenant.tenant_id):
            for source in (_asterisk_source(tenant), _freeswitch_source(tenant)):
                await sources.CreateSource(
                    cdr_service_pb2.CreateSourceRequest(source=source, request_id=source.source_id)
                )


async def hand_over_month(session: Session) -> dict[str, cdr_service_pb2.CdrDigest]:
    """Hand the month over, wait until every record has ended; return each tenant's counts."""
    traffic = {tenant: traffic_of(tenant) for tenant in TENANTS}
    for tenant, records in traffic.items():
        await _write_log(session, tenant, records)
        await _push_documents(session, tenant, records.documents)
    counts = {}
    for tenant, records in traffic.items():
        counts[tenant.tenant_id] = await _received(session, tenant, records.expected.received)
        _check(counts[tenant.tenant_id], records)
    _report(session, counts)
    session.report("Suspense reasons", await _suspense_reasons(session))
    return counts


async def hand_over_late_records(session: Session, tenant: Tenant) -> int:
    """Let the switch write calls of the month that it had forgotten."""
    records = traffic_of(tenant)
    _grow(_folder(session, tenant) / LOG_NAME, records.log.current + records.late_lines)
    await _received(session, tenant, records.expected.received + records.late_count)
    return records.late_count


async def _write_log(session: Session, tenant: Tenant, records: Traffic) -> None:
    """Let the log grow while it is read, rotate it, and go on in a new one."""
    folder = _folder(session, tenant)
    folder.mkdir(parents=True, exist_ok=True)
    log, rotated = folder / LOG_NAME, folder / ROTATED_NAME
    if not rotated.exists():
        # The collector meets half a line and has to wait for the rest of it.
        _grow(log, records.log.rotated[: len(records.log.rotated) // 2])
        await _received(session, tenant, records.log.rotated_records // 3)
        _grow(log, records.log.rotated)
        await _received(session, tenant, records.log.rotated_records)
        log.rename(rotated)
    _grow(log, records.log.current)


def _grow(file: Path, content: bytes) -> None:
    """Append what the file does not have yet, so that a second run appends nothing."""
    with file.open("ab") as log:
        log.write(content[log.tell() :])


def _folder(session: Session, tenant: Tenant) -> Path:
    return session.installation.watch_folder / tenant.tenant_id / asterisk.SOURCE_CODE


async def _push_documents(session: Session, tenant: Tenant, documents: Sequence[bytes]) -> None:
    """Push with a new secret: the former one, if there was one, is known to nobody."""
    sources = cdr_grpc.SourceAdminServiceStub(session.channels["cdr"])
    with acting_for(tenant.tenant_id):
        credential = await sources.RotatePushSecret(
            cdr_service_pb2.RotatePushSecretRequest(
                source_id=_source_id(tenant, freeswitch.SOURCE_CODE), request_id=new_uuid()
            )
        )
    url = session.installation.push_url + PUSH_PATH
    connector = aiohttp.TCPConnector(limit=REQUESTS_AT_ONCE_MAX)
    auth = aiohttp.BasicAuth(credential.user, credential.secret)
    async with aiohttp.ClientSession(connector=connector, auth=auth) as switch:
        await asyncio.gather(*(_push(switch, url, document) for document in documents))


async def _push(switch: aiohttp.ClientSession, url: str, document: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    try:
        async with switch.post(url, data=document, headers=headers) as answer:
            if not answer.ok:
                raise SampleError(f"a push was answered {answer.status}: {await answer.text()}")
    except aiohttp.ClientError as error:
        raise SampleError(f"a push was not answered, see cdr's log: {error}") from error


async def _received(session: Session, tenant: Tenant, count: int) -> cdr_service_pb2.CdrDigest:
    """Wait until so many records of the tenant have been received."""
    audit = cdr_grpc.CdrAuditServiceStub(session.channels["cdr"])

    async def look() -> cdr_service_pb2.CdrDigest | None:
        answer = await audit.GetCdrDigest(cdr_service_pb2.GetCdrDigestRequest())
        for digest in answer.digests:
            if digest.tenant_id == tenant.tenant_id and digest.received_count >= count:
                return digest
        return None

    return await until(f"{count} records of {tenant.tenant_id} received", look)


def _check(counts: cdr_service_pb2.CdrDigest, records: Traffic) -> None:
    """Every record has to end as we meant it; after an interruption more may be duplicates."""
    expected = records.expected
    found = (counts.accepted_count, counts.suspended_count)
    if found != (expected.accepted, expected.suspended.total()):
        raise SampleError(
            f"{counts.tenant_id}: {counts.accepted_count} accepted and {counts.suspended_count} in "
            f"suspense; meant were {expected.accepted} and {expected.suspended.total()}"
        )


def _report(session: Session, counts: dict[str, cdr_service_pb2.CdrDigest]) -> None:
    received = sum(each.received_count for each in counts.values())
    accepted = sum(each.accepted_count for each in counts.values())
    duplicate = sum(each.duplicate_count for each in counts.values())
    suspended = sum(each.suspended_count for each in counts.values())
    session.report(
        "Records",
        f"{received:,} received = {accepted:,} accepted + {duplicate:,} duplicate "
        f"+ {suspended:,} in suspense",
    )


async def _suspense_reasons(session: Session) -> str:
    """How many records are in suspense for which reason, the most frequent first."""
    calls = cdr_grpc.CallQueryServiceStub(session.channels["cdr"])
    reasons: Counter[str] = Counter()
    for tenant in TENANTS:
        with acting_for(tenant.tenant_id):
            page = await calls.ListSuspendedRecords(
                cdr_service_pb2.ListSuspendedRecordsRequest(page_size=500)
            )
        reasons.update(record.reason for record in page.suspended_records)
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())


def _source_id(tenant: Tenant, code: str) -> str:
    return fixed_id(tenant.tenant_id, "source", code)


def _asterisk_source(tenant: Tenant) -> source_pb2.Source:
    return source_pb2.Source(
        source_id=_source_id(tenant, asterisk.SOURCE_CODE),
        code=asterisk.SOURCE_CODE,
        format=source_pb2.RECORD_FORMAT_ASTERISK_CSV,
        profile=source_pb2.SourceProfile(
            time_zone=asterisk.TIME_ZONE,
            country_code="31",
            national_prefix="0",
            international_prefixes=["00"],
            emergency_numbers=["112"],
            line_rule=source_pb2.LINE_RULE_ACCOUNT_CODE,
            call_key_kind=call_pb2.CALL_KEY_KIND_ASTERISK_UNIQUE_ID,
            conflict_rule=source_pb2.CONFLICT_RULE_SUSPEND,
        ),
    )


def _freeswitch_source(tenant: Tenant) -> source_pb2.Source:
    return source_pb2.Source(
        source_id=_source_id(tenant, freeswitch.SOURCE_CODE),
        code=freeswitch.SOURCE_CODE,
        format=source_pb2.RECORD_FORMAT_FREESWITCH_JSON,
        profile=source_pb2.SourceProfile(
            time_zone="UTC",
            country_code="44",
            national_prefix="0",
            international_prefixes=["00"],
            emergency_numbers=["112", "999"],
            line_rule=source_pb2.LINE_RULE_SIP_USER,
            call_key_kind=call_pb2.CALL_KEY_KIND_FREESWITCH_UUID,
            conflict_rule=source_pb2.CONFLICT_RULE_SUSPEND,
        ),
    )
