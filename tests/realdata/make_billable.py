"""Rewrites real call records so that they are billable: source, destination and call id, no more.

Real files name extensions (`test` calls `100`) and repeat one call id. `rewrite_asterisk` gives
each line of a Master.csv a telephone number as its source, another as its destination, and a call
id of its own; every other byte, the times and durations above all, stays as the equipment wrote it.
`rewrite_freeswitch` does the same to a document of mod_json_cdr.

    python -m tests.realdata.make_billable asterisk good.csv > billable.csv
    python -m tests.realdata.make_billable freeswitch cdr.json > billable.json
"""

import csv
import io
import json
import sys
from pathlib import Path

SOURCE = "31201234567"
DESTINATIONS = ("442079460000", "32475123456", "4930901820", "33142685300", "12025550123")

_SRC, _DST, _FIRST_TIME, _UNIQUEID = 1, 2, 9, 16
# Asterisk writes times and durations without quotes when they are empty or numbers.
_DURATIONS = (12, 13)


def rewrite_asterisk(content: str) -> str:
    """Each line with a source, a destination and a call id; a damaged line stays as it is."""
    lines = content.splitlines(keepends=True)
    return "".join(_rewrite_line(line, number) for number, line in enumerate(lines))


def rewrite_freeswitch(content: str, number: int = 0) -> str:
    """The document with a source, a destination and a call id of its own."""
    document = json.loads(content)
    document["variables"]["uuid"] = f"billable-{number}"
    profile = document.setdefault("callflow", {}).setdefault("caller_profile", {})
    profile["caller_id_number"] = SOURCE
    profile["destination_number"] = DESTINATIONS[number % len(DESTINATIONS)]
    return json.dumps(document, indent=4)


def _rewrite_line(line: str, number: int) -> str:
    try:
        values = next(csv.reader([line.rstrip("\n")], strict=True))
    except csv.Error:
        return line
    values[_SRC] = SOURCE
    values[_DST] = DESTINATIONS[number % len(DESTINATIONS)]
    values[_UNIQUEID] = f"{values[_UNIQUEID]}.{number}"
    written = io.StringIO()
    for column, value in enumerate(values):
        quoted = '"' + value.replace('"', '""') + '"'
        is_bare = column in _DURATIONS or (_FIRST_TIME <= column < _DURATIONS[0] and not value)
        written.write(("," if column else "") + (value if is_bare else quoted))
    return written.getvalue() + "\n"


if __name__ == "__main__":
    _rewrite = {"asterisk": rewrite_asterisk, "freeswitch": rewrite_freeswitch}[sys.argv[1]]
    sys.stdout.write(_rewrite(Path(sys.argv[2]).read_text()))
