"""A watched folder, and the switch that writes into it."""

from dataclasses import dataclass
from pathlib import Path

from chassis.database.engine import Database
from services.cdr.api.folder_watcher import FolderWatcher
from services.cdr.config import CdrSettings
from tests.conformance.cdr.exchange import Exchange
from tests.unit.cdr.asterisk import asterisk_line


@dataclass
class Folder:
    """The folder of one source."""

    path: Path
    database: Database
    watcher: FolderWatcher

    @property
    def master(self) -> Path:
        return self.path / "Master.csv"

    def append(self, text: str, name: str = "Master.csv") -> None:
        with (self.path / name).open("a") as file:
            file.write(text)

    def log(self, *numbers: int, name: str = "Master.csv") -> None:
        """The switch writes calls with these numbers."""
        self.append("".join(asterisk_line(uniqueid=f"{n}.1") + "\n" for n in numbers), name)

    def restart(self) -> None:
        """Another process takes over: it knows what is in the database."""
        self.watcher = a_watcher(self.database, self.path.parents[1])

    async def poll(self) -> None:
        await self.watcher.poll()


def a_watcher(database: Database, root: Path) -> FolderWatcher:
    return FolderWatcher(database, CdrSettings(watch_dir=root), root)


async def keys(exchange: Exchange) -> list[str]:
    return sorted(call.call_key for call in await exchange.calls())
