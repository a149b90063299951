"""Writes lines of Asterisk's Master.csv, field by field."""

DEFAULTS: dict[str, str | int] = {
    "accountcode": "acme",
    "src": "0201234567",
    "dst": "0032475123456",
    "dcontext": "office",
    "clid": '"Ann" <0201234567>',
    "channel": "PJSIP/alice-0000002a",
    "dstchannel": "PJSIP/carrier-0000002b",
    "lastapp": "Dial",
    "lastdata": "PJSIP/0032475123456@carrier,30",
    "start": "2026-03-02 12:00:00",
    "answer": "2026-03-02 12:00:05",
    "end": "2026-03-02 12:01:05",
    "duration": 65,
    "billsec": 60,
    "disposition": "ANSWERED",
    "amaflags": "DOCUMENTATION",
    "uniqueid": "1772449200.1",
    "userfield": "",
}


def asterisk_line(**fields: str | int) -> str:
    """A line without its end; texts are quoted, numbers and unset times are bare."""
    values = DEFAULTS | fields
    return ",".join(_written(name, value) for name, value in values.items())


def _written(name: str, value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if name in {"start", "answer", "end"} and not value:
        return ""
    return '"' + value.replace('"', '""') + '"'
