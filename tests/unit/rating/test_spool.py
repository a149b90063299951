"""What was acknowledged is on disk, whatever happens to the process."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.rating.store.spool import Spool

# Writes numbers and tells each one once it is safe, until it is killed.
ENDLESS_WRITER = """
import itertools, sys
from pathlib import Path
from services.rating.store.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in itertools.count():
    assert spool.append([b"%d" % number])
    print(number, flush=True)
"""
KILLED_AFTER = 200


def left_in(folder: Path) -> list[bytes]:
    """What a new process finds."""
    segments = Spool(folder).take()
    for segment in segments:
        segment.close()
    return [record for segment in segments for record in segment.records]


def write(folder: Path, *records: bytes) -> None:
    """Write as a process does that is gone."""
    spool = Spool(folder)
    assert spool.append(records)
    for segment in spool.take():
        segment.close()


def only_file(folder: Path) -> Path:
    [file] = folder.iterdir()
    return file


def test_what_was_written_is_found_in_its_order(tmp_path: Path) -> None:
    """By the process itself and, when it is gone, by the next."""
    write(tmp_path, b"a", b"b")
    spool = Spool(tmp_path)
    assert spool.append([b"c"])
    first, second = spool.take()
    assert (first.records, first.is_own) == ([b"a", b"b"], False)
    assert (second.records, second.is_own) == ([b"c"], True)
    spool.remove(first)
    second.close()
    assert left_in(tmp_path) == [b"c"]


def test_a_writer_killed_in_the_middle_loses_nothing_that_it_told(tmp_path: Path) -> None:
    """It may have written one more than it came to tell."""
    command = [sys.executable, "-c", ENDLESS_WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(next(writer.stdout)) for _ in range(KILLED_AFTER)]
        writer.send_signal(signal.SIGKILL)
        told += map(int, writer.stdout)
    found = [int(record) for record in left_in(tmp_path)]
    assert found == list(range(len(found)))
    assert len(told) <= len(found) <= len(told) + 1


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """At whatever byte; the lines before it count."""
    write(tmp_path, b"first", b"second")
    file = only_file(tmp_path)
    content = file.read_bytes()
    begin = content.index(b"\n") + 1
    for end in range(begin, len(content)):
        file.write_bytes(content[:end])
        assert left_in(tmp_path) == [b"first"]


def test_a_damaged_line_spoils_no_other_and_its_file_is_kept(tmp_path: Path) -> None:
    """Somebody may want to look what it was."""
    write(tmp_path, b"first", b"second", b"third")
    file = only_file(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"second", b"secund"))
    spool = Spool(tmp_path)
    [segment] = spool.take()
    assert segment.records == [b"first", b"third"]
    spool.remove(segment)
    assert only_file(tmp_path).suffix == ".damaged"
    assert left_in(tmp_path) == []


def test_a_spool_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    """All of a write or nothing; what an earlier process left counts, what is removed does not."""
    spool = Spool(tmp_path, bytes_max=100)
    assert not spool.append([b"x" * 60, b"y" * 60])
    assert spool.append([b"x" * 60])
    assert not spool.append([b"y" * 60])
    assert not Spool(tmp_path, bytes_max=100).append([b"y" * 60])
    [segment] = spool.take()
    spool.remove(segment)
    assert spool.byte_count == 0
    assert spool.append([b"y" * 60])


def test_nobody_takes_what_another_process_is_writing(tmp_path: Path) -> None:
    """Two processes with one folder by mistake lose nothing."""
    one, other = Spool(tmp_path), Spool(tmp_path)
    assert one.append([b"a"])
    assert other.take() == []
    assert one.append([b"b"])
    [segment] = one.take()
    assert segment.records == [b"a", b"b"]
    assert other.take() == []


def test_a_full_disk_spoils_nothing_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a record is the last of its segment; the next one begins another."""
    spool = Spool(tmp_path)
    assert spool.append([b"first"])
    file = only_file(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", _refuse)
        patched.setattr("os.ftruncate", _refuse)
        with pytest.raises(OSError, match="no space"):
            spool.append([b"second"])
    with file.open("r+b") as cut:
        cut.truncate(file.stat().st_size - 3)
    assert spool.append([b"third"])
    assert [each.records for each in spool.take()] == [[b"first"], [b"third"]]


def test_what_the_disk_refused_is_not_found_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was not given: nobody may act on it."""
    spool = Spool(tmp_path)
    assert spool.append([b"first"])
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", _refuse)
        with pytest.raises(OSError, match="no space"):
            spool.append([b"second"])
    assert [each.records for each in spool.take()] == [[b"first"]]


def _refuse(*_: int) -> None:
    raise OSError("no space left on device")
