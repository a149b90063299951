"""What switches of one kind have in common: the entries that their clients need not write."""

from collections.abc import Mapping
from typing import Any

WHOLE_CALL_SECONDS = 7_200

_STANDARD: Mapping[str, Any] = {
    "equipment": "",
    "time_zone": "UTC",
    "national_prefix": "",
    "international_prefixes": ["00"],
    "short_codes": [],
    "session_id": "Acct-Session-Id",
    "call_key": "Acct-Session-Id",
    "call_key_kind": "acct_session_id",
    "line": "User-Name",
    "account_id": "",
    "trunk": "",
    "charged_leg": "",
    "start_is_answer": True,
    "replies": "standard",
    "names_in_values": False,
    "reauthorises": False,
    # Asked once, for the whole call: a longer call is cut, so this is long.
    "requested_seconds": WHOLE_CALL_SECONDS,
    "require_message_authenticator": True,
}

# acc_radius writes the Call-ID of SIP into Acct-Session-Id. Their RADIUS library, radcli, signs
# nothing but EAP before its version 1.5 of 2026.
_SIP_PROXY = {
    **_STANDARD,
    "call_key_kind": "sip_call_id",
    "replies": "sip",
    "require_message_authenticator": False,
}

PROFILES: Mapping[str, Mapping[str, Any]] = {
    "standard": _STANDARD,
    "kamailio": {**_SIP_PROXY, "equipment": "kamailio"},
    "opensips": {**_SIP_PROXY, "equipment": "opensips"},
    "asterisk": {
        **_STANDARD,
        "equipment": "asterisk",
        "call_key": "Asterisk-Unique-ID",
        "call_key_kind": "asterisk_unique_id",
        "line": "Asterisk-Src",
    },
    # mod_radius_cdr sends its Start when the call is routed.
    "freeswitch": {
        **_STANDARD,
        "equipment": "freeswitch",
        "call_key_kind": "freeswitch_uuid",
        "start_is_answer": False,
    },
    # Two legs with an Acct-Session-Id each share the conference id; a Start is sent at the set-up.
    # Voice gateways are of a time in which only EAP was signed.
    "cisco": {
        **_STANDARD,
        "equipment": "cisco",
        "session_id": "h323-conf-id",
        "call_key": "h323-conf-id",
        "call_key_kind": "h323_conf_id",
        "charged_leg": "answer",
        "start_is_answer": False,
        "replies": "h323",
        "names_in_values": True,
        "require_message_authenticator": False,
    },
}
