"""Logs: one JSON object a line on standard error, with the trace and tenant they belong to."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from chassis.security.caller import caller_if_any
from chassis.telemetry import names
from chassis.telemetry.tracing import current_ids

# What logging itself puts on a record; the rest came in by `extra`.
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, with the fields given as `extra`."""
        fields: dict[str, Any] = {
            names.LOG_TIME: datetime.fromtimestamp(record.created, UTC).isoformat(),
            names.LOG_LEVEL: record.levelname,
            names.LOG_LOGGER: record.name,
            names.LOG_MESSAGE: record.getMessage(),
            names.LOG_SERVICE: self._service,
            **_of_context(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            fields[names.LOG_EXCEPTION] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def set_up_logs(service: str, level: str) -> None:
    """Send every record of the process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    # It tells every step of opening a database, at every start.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _of_context() -> dict[str, str]:
    fields = {}
    ids = current_ids()
    if ids is not None:
        fields[names.LOG_TRACE_ID], fields[names.LOG_SPAN_ID] = ids
    caller = caller_if_any()
    if caller is not None:
        fields[names.LOG_TENANT] = caller.tenant_id
    return fields
