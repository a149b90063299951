"""The watched folder in trouble: what cannot be collected stops nothing else."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.cdr.store.schema import source_table
from tests.conformance.cdr.exchange import Exchange
from tests.conformance.cdr.watching import Folder, keys


async def test_a_folder_without_a_source_stops_no_other(
    folder: Folder, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """The trouble is told once; the tenant's other sources are collected."""
    (folder.path.parent / "aaa").mkdir()
    (folder.path.parent / "aaa" / "Master.csv").write_text("x\n")
    folder.log(1)
    await folder.poll()
    await folder.poll()
    assert await keys(exchange) == ["1.1"]
    assert [record.getMessage().count("'aaa'") for record in caplog.records] == [1]


async def test_a_source_of_a_newer_version_stops_no_other(
    folder: Folder, exchange: Exchange
) -> None:
    """Its files wait for that version, and the process goes on."""
    await Exchange.create(folder.database, "aaron")
    newer = update(source_table).where(source_table.c.tenant_id == "aaron").values(line_rule=99)
    await folder.database.write(lambda uow: uow.connection.execute(newer))
    folder.log(1)
    shutil.copytree(folder.path.parent, folder.path.parents[1] / "aaron")
    await folder.poll()
    assert await keys(exchange) == ["1.1"]


async def test_a_file_whose_name_is_no_text_is_collected(
    folder: Folder, exchange: Exchange
) -> None:
    """A name may be any bytes; it is shown as far as it can be read."""
    name = os.fsdecode(b"caf\xe9.csv")
    folder.log(1, name=name)
    folder.append("damaged\n", name)
    await folder.poll()
    await folder.poll()
    [suspended] = await exchange.suspended()
    assert suspended.origin == "caf\ufffd.csv:2"
    assert await keys(exchange) == ["1.1"]


async def test_a_folder_whose_name_is_no_text_stops_no_other(
    folder: Folder, exchange: Exchange
) -> None:
    """No tenant and no source is called so."""
    stray = folder.path.parent / os.fsdecode(b"a\xe9")
    stray.mkdir()
    (stray / "Master.csv").write_text("x\n")
    folder.log(1)
    await folder.poll()
    assert await keys(exchange) == ["1.1"]


async def test_a_file_that_cannot_be_read_stops_no_other(
    folder: Folder, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector, or a file that only root may read; it is tried at every look."""
    folder.log(1, name="a.csv")
    folder.log(2, name="b.csv")
    opening: Any = Path.open

    def refuse(path: Path, *how: str) -> Any:
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return opening(path, *how)

    monkeypatch.setattr(Path, "open", refuse)
    await folder.poll()
    assert await keys(exchange) == ["2.1"]
    monkeypatch.undo()
    await folder.poll()
    assert await keys(exchange) == ["1.1", "2.1"]
