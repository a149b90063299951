"""Decks of a million prefixes: opening the published snapshot.

It is measured in new processes, with the file in the page cache. Private memory is all that such a
process has for itself alone (Private_* of /proc/self/smaps) except the snapshot's own pages, which
any number of processes share.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kernel.clock import MS_PER_SECOND
from services.rating.domain.decks.deck_compiler import compile_deck
from services.rating.domain.decks.rate_columns import RateColumns
from services.rating.domain.decks.rate_deck import Rate
from services.rating.store.deck_files import open_table

PREFIXES = 1_000_000
NESTED_DIGITS = (1, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 8)
OPENINGS = 7
SEED = 20_261_123
KIBIBYTES_A_MEBIBYTE = 1_024

OPEN_IN_A_PROCESS = "import sys; from tests.bench.decks import report; report(sys.argv[1])"


class Opening(NamedTuple):
    """Medians over processes."""

    open_ms: float
    private_mebibytes: float
    snapshot_mebibytes: float


def measure_opening(prefix_count: int = PREFIXES, openings: int = OPENINGS) -> Opening:
    """Open a snapshot in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.deck"
        path.write_bytes(compile_deck(RateColumns(random_rates(prefix_count))))
        reports = [_open_in_a_process(path) for _ in range(openings)]
        size = path.stat().st_size / KIBIBYTES_A_MEBIBYTE**2
    times, sizes = zip(*reports, strict=True)
    return Opening(statistics.median(times), statistics.median(sizes), size)


def random_rates(count: int) -> list[Rate]:
    """Rates of prefixes that nest, in the order of their prefixes; the same ones each time."""
    choice = random.Random(SEED)
    prefixes: set[str] = set()
    while len(prefixes) < count:
        digits = choice.choice(NESTED_DIGITS) + choice.randrange(2)
        prefixes.add(str(choice.randrange(10**digits)).zfill(digits))
    return [
        Rate(prefix, f"Destination {prefix[:4]}", choice.randrange(10**9), 0, 60, 1, 0, 0, line)
        for line, prefix in enumerate(sorted(prefixes), start=2)
    ]


def report(path: str) -> None:
    """Open a snapshot here, look a number up, and print milliseconds and private memory."""
    begin = time.perf_counter()
    table = open_table(Path(path))
    table.find("31612345678")
    milliseconds = (time.perf_counter() - begin) * MS_PER_SECOND
    print(json.dumps([milliseconds, private_mebibytes(excluding=path)]))


def private_mebibytes(excluding: str) -> float:
    """What this process has in memory for itself alone, without one mapped file."""
    kibibytes = 0
    for name, fields in _mappings():
        if name != excluding:
            kibibytes += fields["Private_Clean"] + fields["Private_Dirty"]
    return kibibytes / KIBIBYTES_A_MEBIBYTE


def _mappings() -> Iterator[tuple[str, dict[str, int]]]:
    """Each mapping of this process: its file and its sizes in kibibytes."""
    name, fields = "", dict[str, int]()
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        words = line.split()
        if words[0].endswith(":"):
            fields[words[0][:-1]] = int(words[1]) if words[1].isdigit() else 0
        else:
            if fields:
                yield name, fields
            name, fields = words[-1], {}
    yield name, fields


def _open_in_a_process(path: Path) -> tuple[float, float]:
    command = [sys.executable, "-c", OPEN_IN_A_PROCESS, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    milliseconds, mebibytes = json.loads(answer)
    return milliseconds, mebibytes
