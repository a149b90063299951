"""The month as FreeSWITCH's mod_json_cdr pushes it: one JSON document a call."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from deploy.local.sample.calls import Call

SOURCE_CODE = "london-freeswitch"
# Every so many documents the answer got lost and the switch pushes again.
REPEATED_EVERY = 60

_NAMESPACE = uuid.UUID("6f7b7a52-2d0f-5c62-9a7e-0d8f8a3f2b11")
_CORE_UUID = str(uuid.uuid5(_NAMESPACE, "core"))
# Disposition to hang-up cause, in words and by ITU-T Q.850.
_CAUSES = {
    "ANSWERED": ("NORMAL_CLEARING", 16),
    "BUSY": ("USER_BUSY", 17),
    "NO ANSWER": ("NO_ANSWER", 19),
    "FAILED": ("NORMAL_TEMPORARY_FAILURE", 41),
}


def documents_of(calls: list[Call]) -> list[bytes]:
    """What the switch pushes in the month: some documents twice, one of them damaged."""
    documents = [document_of(call) for call in calls]
    damaged = documents[0].replace(b"{", b"[", 1)
    return [*documents, *documents[::REPEATED_EVERY], damaged]


def expected_reasons() -> dict[str, int]:
    """How many documents end in suspense for which reason."""
    return {"MALFORMED_RECORD": 1}


def document_of(call: Call) -> bytes:
    """One channel, its variables percent-encoded as the module does by default."""
    call_uuid = str(uuid.uuid5(_NAMESPACE, str(call.number)))
    document = {
        "core-uuid": _CORE_UUID,
        "switchname": "london",
        "channel_data": {"state": "CS_REPORTING", "direction": "inbound", "state_number": "11"},
        "variables": {name: quote(value) for name, value in _variables(call, call_uuid).items()},
        "app_log": {"applications": [{"app_name": "bridge", "app_data": _route(call)}]},
        "callflow": [_callflow(call, call_uuid)],
    }
    return json.dumps(document).encode()


def _variables(call: Call, call_uuid: str) -> dict[str, str]:
    cause, number = _CAUSES[call.disposition]
    duration_ms = (call.end - call.start) // timedelta(milliseconds=1)
    return {
        "direction": "inbound",
        "uuid": call_uuid,
        "sip_call_id": f"{call_uuid}@london.example",
        "user_name": call.account.sip_user,
        "sip_from_user": call.account.sip_user,
        "accountcode": call.account.code,
        "effective_caller_id_number": call.caller,
        "start_uepoch": str(_micros(call.start)),
        "answer_uepoch": str(_micros(call.answer)),
        "end_uepoch": str(_micros(call.end)),
        "duration": str(duration_ms // 1000),
        "mduration": str(duration_ms),
        "billsec": str(call.talk_ms // 1000),
        "billmsec": str(call.talk_ms),
        "hangup_cause": cause,
        "hangup_cause_q850": str(number),
    }


def _callflow(call: Call, call_uuid: str) -> dict[str, Any]:
    profile = {
        "username": call.account.sip_user,
        "dialplan": "XML",
        "caller_id_name": call.account.code,
        "caller_id_number": call.caller,
        "destination_number": call.callee,
        "uuid": call_uuid,
        "source": "mod_sofia",
        "context": "outbound",
        "chan_name": f"sofia/internal/{call.account.sip_user}@london.example",
    }
    times = {
        "created_time": str(_micros(call.start)),
        "answered_time": str(_micros(call.answer)),
        "hangup_time": str(_micros(call.end)),
    }
    return {"dialplan": "XML", "profile_index": "1", "caller_profile": profile, "times": times}


def _route(call: Call) -> str:
    return f"sofia/gateway/carrier/{call.callee}"


def _micros(moment: datetime | None) -> int:
    """Microseconds since 1970; 0 for what never happened."""
    if moment is None:
        return 0
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
