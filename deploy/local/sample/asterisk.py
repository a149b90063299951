"""The month as Asterisk's cdr_csv writes it (`Master.csv`), with what goes wrong in real files."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deploy.local.sample.calls import Call

SOURCE_CODE = "amsterdam-pbx"
TIME_ZONE = "Europe/Amsterdam"

# The switch writes its last lines again after a restart.
REPEATED_LINES = 12
UNKNOWN_LINE_EVERY = 300
ABSURD_SECONDS = 99_999
FAULTY_NUMBERS = 900_000

_ZONE = ZoneInfo(TIME_ZONE)


@dataclass(frozen=True, slots=True)
class Log:
    """A log in two files: the older one has been rotated away."""

    rotated: bytes
    current: bytes

    @property
    def rotated_records(self) -> int:
        """Lines of the older file."""
        return self.rotated.count(b"\n")


def log_of(calls: list[Call]) -> Log:
    """Write the calls down, then the faults that a careful collector has to survive."""
    lines = [line_of(call) for call in calls]
    middle = len(lines) * 3 // 5
    older, newer = lines[:middle], lines[middle:]
    faults = faulty_lines(calls)
    return Log(
        rotated=b"".join(faults[::2] + older),
        current=b"".join(older[-REPEATED_LINES:] + faults[1::2] + newer),
    )


def line_of(
    call: Call,
    account_code: str | None = None,
    callee: str | None = None,
    seconds: tuple[int, int] | None = None,
) -> bytes:
    """One line: texts in quotes, numbers bare, an unset time empty.

    What is given instead of the call's own values makes it a faulty one.
    """
    billable = -(-call.talk_ms // 1000)
    # From set-up to hang-up in whole seconds, as Asterisk counts both.
    duration = call.ring_seconds + billable
    texts = (
        account_code or call.account.code,
        *(call.caller, callee or call.callee, "outbound"),
        f'"{call.account.code}" <{call.caller}>',
        *(f"PJSIP/{call.account.sip_user}-{call.number:08x}", f"PJSIP/carrier-{call.number:08x}"),
        *("Dial", f"PJSIP/{call.callee}@carrier,60"),
        _local(call.start),
        _local(call.answer) if call.answer else "",
        _local(call.start + timedelta(seconds=duration)),
    )
    shown_duration, shown_billable = seconds or (duration, billable)
    tail = (call.disposition, "DOCUMENTATION", unique_id(call), "")
    return f"{_quoted(texts)},{shown_duration},{shown_billable},{_quoted(tail)}\n".encode()


def faulty_lines(calls: list[Call]) -> list[bytes]:
    """Lines that end in suspense, each for a reason of its own.

    They repeat calls under other unique ids, so that they would be billed if they were taken.
    """
    answered = [call for call in calls if call.talk_ms]
    copies = [replace(call, number=FAULTY_NUMBERS + call.number) for call in answered]
    strangers = copies[::UNKNOWN_LINE_EVERY]
    cut, misread = line_of(copies[1]), line_of(copies[2])
    return [
        *(line_of(call, account_code="Z-9999") for call in strangers),
        cut[: cut.index(b"Dial")] + b'"\n',
        misread.replace(b'"outbound"', b'"caf\xe9"'),
        line_of(copies[3], callee="s"),
        line_of(copies[4], seconds=(ABSURD_SECONDS, ABSURD_SECONDS)),
        line_of(copies[5], seconds=(-5, -5)),
        line_of(copies[6], seconds=(60, 61)),
    ]


def expected_reasons(calls: list[Call]) -> dict[str, int]:
    """How many records of the log end in suspense for which reason."""
    return {
        "UNKNOWN_LINE": len([call for call in calls if call.talk_ms][::UNKNOWN_LINE_EVERY]),
        "MALFORMED_RECORD": 1,
        "INVALID_ENCODING": 1,
        "INVALID_NUMBER": 1,
        "ABSURD_DURATION": 2,
        "BILLSEC_EXCEEDS_DURATION": 1,
    }


def unique_id(call: Call) -> str:
    """Seconds and a serial number, as Asterisk makes its ids."""
    return f"{int(call.start.timestamp())}.{call.number}"


def _local(moment: datetime) -> str:
    return moment.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _quoted(texts: tuple[str, ...]) -> str:
    return ",".join('"' + text.replace('"', '""') + '"' for text in texts)
