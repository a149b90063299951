"""The watched folder: files that grow, rotate, are cut off or replaced."""

import json
import os
import shutil
from pathlib import Path

from chassis.database.engine import Database
from services.cdr.domain.source import RecordFormat
from services.cdr.store.digest import Counts
from tests.conformance.cdr.exchange import Exchange
from tests.conformance.cdr.watching import Folder, a_watcher, keys
from tests.unit.cdr.asterisk import asterisk_line
from tests.unit.cdr.freeswitch import freeswitch_document

LONG_AGO_SECONDS = 1_000_000_000


async def test_a_growing_file_is_read_on(folder: Folder, exchange: Exchange) -> None:
    """Each record is received once, however often one looks."""
    folder.log(1, 2)
    await folder.poll()
    await folder.poll()
    folder.log(3)
    await folder.poll()
    assert await keys(exchange) == ["1.1", "2.1", "3.1"]
    assert await exchange.counts() == Counts(3, 3, 0, 0, 3)


async def test_a_restart_continues_where_the_last_process_committed(
    folder: Folder, exchange: Exchange
) -> None:
    """The position is in the database, in the transaction of the records."""
    folder.log(1, 2)
    await folder.poll()
    folder.restart()
    folder.log(3)
    await folder.poll()
    assert await exchange.counts() == Counts(3, 3, 0, 0, 3)


async def test_a_half_written_line_waits_for_its_end(folder: Folder, exchange: Exchange) -> None:
    """The switch is in the middle of writing; nothing is suspended, and nothing is lost."""
    line = asterisk_line() + "\n"
    folder.append(line[:100])
    await folder.poll()
    assert await exchange.counts() == Counts()
    folder.append(line[100:])
    await folder.poll()
    assert await exchange.counts() == Counts(1, 1, 0, 0, 1)


async def test_a_renamed_file_is_continued_and_its_successor_read(
    folder: Folder, exchange: Exchange
) -> None:
    """Logrotate renames Master.csv just after one more call; the switch starts a new one."""
    folder.log(1, 2)
    await folder.poll()
    folder.log(3)
    folder.master.rename(folder.path / "Master.csv.1")
    folder.log(4)
    await folder.poll()
    await folder.poll()
    assert await keys(exchange) == ["1.1", "2.1", "3.1", "4.1"]
    assert await exchange.counts() == Counts(4, 4, 0, 0, 4)


async def test_a_file_that_was_rotated_inside_a_line_ends_with_a_suspended_record(
    folder: Folder, exchange: Exchange
) -> None:
    """Nothing will follow in a renamed file: the rest of the line is not coming."""
    folder.log(1)
    folder.append(asterisk_line(uniqueid="2")[:120])
    await folder.poll()
    assert await exchange.counts() == Counts(1, 1, 0, 0, 1)
    folder.master.rename(folder.path / "Master.csv.1")
    await folder.poll()
    await folder.poll()
    [suspended] = await exchange.suspended()
    assert (suspended.reason, suspended.origin) == ("MALFORMED_RECORD", "Master.csv.1:2")
    assert await exchange.counts() == Counts(2, 1, 0, 1, 1)


async def test_a_file_that_has_not_grown_for_long_is_finished(
    folder: Folder, exchange: Exchange
) -> None:
    """An export that somebody dropped without a last line end does not wait for ever."""
    folder.append(asterisk_line())
    os.utime(folder.master, (LONG_AGO_SECONDS, LONG_AGO_SECONDS))
    await folder.poll()
    assert await exchange.suspended_reasons() == {"MALFORMED_RECORD": 1}


async def test_a_file_emptied_in_place_is_read_from_its_start(
    folder: Folder, exchange: Exchange
) -> None:
    """copytruncate: the copy brings duplicates, and no call is lost."""
    folder.log(1, 2)
    await folder.poll()
    shutil.copy(folder.master, folder.path / "Master.csv.1")
    os.truncate(folder.master, 0)
    folder.log(3, 4, 5)
    await folder.poll()
    assert await keys(exchange) == ["1.1", "2.1", "3.1", "4.1", "5.1"]
    assert (await exchange.counts()).duplicate == 2


async def test_another_file_under_a_used_inode_is_read_from_its_start(
    folder: Folder, exchange: Exchange
) -> None:
    """Even when it begins alike and is longer than what was read of the former one."""
    folder.log(*range(20))
    await folder.poll()
    content = folder.master.read_text().replace('"19.1"', '"99.1"')
    with folder.master.open("r+") as file:
        file.write(content)
    folder.log(20)
    folder.restart()
    await folder.poll()
    assert {"99.1", "20.1"} <= set(await keys(exchange))


async def test_a_file_is_read_again_only_by_one_of_two_processes(
    folder: Folder, exchange: Exchange
) -> None:
    """The second process finds the position moved and takes nothing."""
    folder.log(1)
    other = a_watcher(exchange.database, folder.path.parents[1])
    await folder.poll()
    await other.poll()
    assert await exchange.counts() == Counts(1, 1, 0, 0, 1)


async def test_a_large_file_is_committed_in_batches(folder: Folder, exchange: Exchange) -> None:
    """5,000 records are more than one transaction and more than one event."""
    folder.log(*range(5_000))
    await folder.poll()
    assert await exchange.counts() == Counts(5_000, 5_000, 0, 0, 5_000)
    assert len(await exchange.collected()) > 1


async def test_freeswitch_documents_are_collected_file_by_file(
    database: Database, tmp_path: Path
) -> None:
    """mod_json_cdr writes one file a channel, <uuid>.cdr.json."""
    switch = await Exchange.create(database, "acme", RecordFormat.FREESWITCH_JSON)
    await switch.add_line("alice")
    path = tmp_path / "watch" / "acme" / "pbx"
    path.mkdir(parents=True)
    for number in range(30):
        document = freeswitch_document(uuid=f"uuid-{number}")
        (path / f"uuid-{number}.cdr.json").write_text(json.dumps(document) + "\n")
    watcher = a_watcher(database, tmp_path / "watch")
    await watcher.poll()
    await watcher.poll()
    assert await switch.counts() == Counts(30, 30, 0, 0, 30)


async def test_other_files_and_links_are_left_alone(folder: Folder, exchange: Exchange) -> None:
    """Half-copied files end in something else; a link might lead out of the folder."""
    folder.log(1, name="upload.csv.part")
    folder.log(2, name=".hidden.csv")
    outside = folder.path.parents[2] / "outside.csv"
    outside.write_text(asterisk_line() + "\n")
    (folder.path / "link.csv").symlink_to(outside)
    await folder.poll()
    assert await exchange.counts() == Counts()


async def test_a_new_file_under_a_used_inode_waits_for_the_end_of_its_last_line(
    folder: Folder, exchange: Exchange
) -> None:
    """Another name does not mean that a file was renamed and finished: it still grows."""
    folder.log(1, 2)
    await folder.poll()
    line = asterisk_line(uniqueid="3.1") + "\n"
    folder.master.write_text(line[:100])
    folder.master.rename(folder.path / "Other.csv")
    await folder.poll()
    folder.append(line[100:], "Other.csv")
    await folder.poll()
    assert await exchange.counts() == Counts(3, 3, 0, 0, 3)
