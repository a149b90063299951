"""The gRPC doors for records: a stream of chunks, or a file in pieces."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from kernel.clock import utc_now
from services.cdr.api.convert import result_to_proto
from services.cdr.domain.errors import format_has_no_stream, invalid_chunk
from services.cdr.domain.framing import KEPT_BYTES_MAX
from services.cdr.domain.records import RawRecord, Reason, Rejection
from services.cdr.domain.source import RecordFormat, Source
from services.cdr.store.sources import get_source_by_code
from services.cdr.usecases.collect_records import (
    RECORDS_PER_BATCH,
    Outcome,
    Result,
    collect_records,
)
from services.cdr.usecases.reading import Reading, framer_for, read_records
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.call_pb2 import CallRecord
from tollbook.cdr.v1.cdr_service_pb2_grpc import CallIntakeServiceServicer

RECORDS_PER_CHUNK_MAX = 5_000
CONTENT_BYTES_MAX = 1024 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


class CallIntakeApi(CallIntakeServiceServicer):
    """Takes records in, a transaction for each chunk or batch."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def IngestCallRecords(
        self, request_iterator: AsyncIterator[pb.IngestCallRecordsRequest], _context: Context
    ) -> AsyncIterator[pb.IngestCallRecordsResponse]:
        """Answer each chunk once it is committed."""
        source_code = ""
        async for request in request_iterator:
            source_code = request.source_code or source_code
            if not 0 < len(request.records) <= RECORDS_PER_CHUNK_MAX:
                raise invalid_chunk("records", f"send 1 to {RECORDS_PER_CHUNK_MAX} in a chunk")
            yield await self._ingest(source_code, request)

    async def ImportCallFile(
        self, request_iterator: AsyncIterator[pb.ImportCallFileRequest], _context: Context
    ) -> AsyncIterator[pb.ImportCallFileResponse]:
        """Report progress after each batch; the last message has the totals."""
        progress = _Progress()
        file: _FileImport | None = None
        async for request in request_iterator:
            if len(request.content) > CONTENT_BYTES_MAX:
                raise invalid_chunk("content", f"send at most {CONTENT_BYTES_MAX} bytes at once")
            if file is None:
                file = await self._start_import(request)
            async for results in file.take(request.content):
                yield progress.add(results)
        if file is None:
            raise invalid_chunk("source_code", "send at least one message, with the source's code")
        async for results in file.finish():
            progress.add(results)
        yield progress.report(done=True)

    async def _ingest(
        self, source_code: str, request: pb.IngestCallRecordsRequest
    ) -> pb.IngestCallRecordsResponse:
        def prepare(connection: Connection, caller: Caller) -> tuple[Source, list[Reading]]:
            source = get_source_by_code(connection, caller.tenant_id, source_code)
            if source.format is not RecordFormat.GRPC:
                raise format_has_no_stream(source_code)
            raws = [_raw_record(record) for record in request.records]
            return source, read_records(source, raws, utc_now())

        source, readings = await self._endpoint.query(prepare)

        def work(uow: UnitOfWork, _caller: Caller) -> pb.IngestCallRecordsResponse:
            results = collect_records(uow, source, readings)
            return pb.IngestCallRecordsResponse(
                request_id=request.request_id, results=map(result_to_proto, results)
            )

        return await self._endpoint.mutate(request, pb.IngestCallRecordsResponse, work)

    async def _start_import(self, request: pb.ImportCallFileRequest) -> "_FileImport":
        def find(connection: Connection, caller: Caller) -> Source:
            return get_source_by_code(connection, caller.tenant_id, request.source_code)

        return _FileImport(self._endpoint, await self._endpoint.query(find), request.file_name)


class _FileImport:
    """A file that comes in pieces."""

    def __init__(self, endpoint: Endpoint, source: Source, file_name: str) -> None:
        self._endpoint = endpoint
        self._source = source
        self._framer = framer_for(source, file_name or "import")
        self._waiting: list[RawRecord] = []

    async def take(self, content: bytes) -> AsyncIterator[list[Result]]:
        """Commit full batches."""
        self._waiting += self._framer.feed(content)
        while len(self._waiting) >= RECORDS_PER_BATCH:
            yield await self._commit()

    async def finish(self) -> AsyncIterator[list[Result]]:
        """Commit the rest; what the file ends inside of is a record too."""
        self._waiting += self._framer.finish()
        while self._waiting:
            yield await self._commit()

    async def _commit(self) -> list[Result]:
        batch, self._waiting = (
            self._waiting[:RECORDS_PER_BATCH],
            self._waiting[RECORDS_PER_BATCH:],
        )
        readings = await self._endpoint.query(
            lambda _connection, _caller: read_records(self._source, batch, utc_now())
        )
        return await self._endpoint.write(
            lambda uow, _caller: collect_records(uow, self._source, readings)
        )


class _Progress:
    """Counts what has become of a file's records."""

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, results: list[Result]) -> pb.ImportCallFileResponse:
        self._outcomes.update(result.outcome for result in results)
        self._reasons.update(
            result.rejection.reason.value for result in results if result.rejection is not None
        )
        return self.report(done=False)

    def report(self, done: bool) -> pb.ImportCallFileResponse:
        return pb.ImportCallFileResponse(
            received_count=self._outcomes.total(),
            accepted_count=self._outcomes[Outcome.ACCEPTED],
            duplicate_count=self._outcomes[Outcome.DUPLICATE],
            suspended_count=self._outcomes[Outcome.SUSPENDED],
            done=done,
            suspended_reasons=[
                pb.ReasonCount(reason=reason, count=count)
                for reason, count in sorted(self._reasons.items())
            ],
        )


def _raw_record(record: CallRecord) -> RawRecord:
    """The record in the bytes in which it is kept."""
    content = record.SerializeToString(deterministic=True)
    if len(content) <= KEPT_BYTES_MAX:
        return RawRecord(content, "gRPC stream")
    damage = Rejection(
        Reason.RECORD_TOO_LONG,
        f"the record has {len(content)} bytes, at most {KEPT_BYTES_MAX} are taken",
    )
    digest = hashlib.sha256(content).digest()
    return RawRecord(content[:KEPT_BYTES_MAX], "gRPC stream", damage, digest)
