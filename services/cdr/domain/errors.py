"""The failures that callers of cdr can expect; each reason keeps its meaning for ever.

SOURCE_NOT_FOUND, SOURCE_CODE_TAKEN, INVALID_SOURCE, INVALID_PROFILE, ETAG_MISMATCH,
FORMAT_HAS_NO_FILES, FORMAT_HAS_NO_STREAM, CALL_NOT_FOUND, INVALID_CHUNK,
INVALID_PAGE_TOKEN.
"""

from kernel.errors import DomainError, ErrorKind, FieldViolation


def source_not_found(source: str) -> DomainError:
    """No source of the tenant has this id or code."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "SOURCE_NOT_FOUND",
        f"there is no source {source!r}; ListSources shows the sources there are",
        {"source": source},
    )


def source_code_taken(code: str) -> DomainError:
    """Another source of the tenant has this code, or the given id is in use."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "SOURCE_CODE_TAKEN",
        f"a source with the code {code!r} or the given id exists; choose another, or update it",
        {"code": code},
    )


def invalid_source(field: str, problem: str) -> DomainError:
    """A field of a source has a value that it cannot have."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_SOURCE",
        f"source.{field}: {problem}",
        {"field": f"source.{field}"},
        [FieldViolation(f"source.{field}", problem)],
    )


def invalid_profile(field: str, problem: str) -> DomainError:
    """A profile cannot work with this value."""
    path = f"source.profile.{field}"
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_PROFILE",
        f"{path}: {problem}",
        {"field": path},
        [FieldViolation(path, problem)],
    )


def etag_mismatch(source_id: str) -> DomainError:
    """Somebody else changed the source since the caller read it."""
    return DomainError(
        ErrorKind.ABORTED,
        "ETAG_MISMATCH",
        f"source {source_id} was changed by somebody else; read it again and repeat the change",
        {"source_id": source_id},
    )


def format_has_no_files(code: str) -> DomainError:
    """The source takes its records by IngestCallRecords only."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "FORMAT_HAS_NO_FILES",
        f"source {code!r} takes records by IngestCallRecords and has no files; "
        "import into a source with a file format",
        {"source": code},
    )


def format_has_no_stream(code: str) -> DomainError:
    """The source takes files or pushes only."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "FORMAT_HAS_NO_STREAM",
        f"source {code!r} takes the files or pushes of its equipment; create a source with the "
        "format RECORD_FORMAT_GRPC for the records of IngestCallRecords",
        {"source": code},
    )


def call_not_found(call_id: str) -> DomainError:
    """No call of the tenant has this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "CALL_NOT_FOUND",
        f"there is no call {call_id!r}; ListCalls finds calls by account, time and number",
        {"call_id": call_id},
    )


def invalid_chunk(field: str, problem: str) -> DomainError:
    """A message of an intake stream lacks what it must have, or has too much of it."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_CHUNK",
        f"{field}: {problem}",
        {"field": field},
        [FieldViolation(field, problem)],
    )
