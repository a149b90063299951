"""Writes documents of FreeSWITCH's mod_json_cdr, as short as the parser needs them."""

from typing import Any


def freeswitch_document(**variables: str) -> dict[str, Any]:
    """A call from alice, answered after ten seconds, of 8.020 s."""
    return {
        "core-uuid": "8e67d722-fa25-11e4-a404-cb18ef41548e",
        "channel_data": {"state": "CS_REPORTING", "direction": "inbound"},
        "variables": {
            "uuid": "361ab3a0-fb1f-11e4-a5cc-cb18ef41548e",
            "accountcode": "acme",
            "user_name": "alice",
            "sip_from_user": "somebody%20else",
            "hangup_cause_q850": "16",
            "start_epoch": "1772449200",
            "start_uepoch": "1772449200831472",
            "answer_epoch": "1772449210",
            "answer_uepoch": "1772449210851472",
            "end_epoch": "1772449218",
            "end_uepoch": "1772449218871473",
            "duration": "18",
            "billsec": "8",
            "mduration": "18040",
            "billmsec": "8020",
        }
        | variables,
        "callflow": [
            {
                "dialplan": "XML",
                "profile_index": "1",
                "caller_profile": {
                    "username": "alice",
                    "caller_id_number": "0201234567",
                    "destination_number": "0032475123456",
                },
                "times": {
                    "created_time": "1772449200831472",
                    "answered_time": "1772449210851472",
                    "hangup_time": "1772449218871473",
                },
            }
        ],
    }
