"""Files: read as text, or sent to a service in pieces with a bar that shows how far they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.output import trouble

PIECE_BYTES = 256 * 1024


def read_text(path: Path) -> str:
    """The text of a file that people wrote."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no UTF-8; save it as UTF-8"
        raise typer.BadParameter(f"{path} cannot be read: {problem}") from None


class SentFile:
    """A file, read piece by piece; each piece moves the bar."""

    def __init__(self, progress: Progress, path: Path) -> None:
        self._progress = progress
        self._path = path
        self._task = progress.add_task(path.name, total=path.stat().st_size)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file."""
        with self._path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
                self._progress.advance(self._task, len(piece))

    def tell(self, what: str) -> None:
        """Show more than the file's name."""
        self._progress.update(self._task, description=f"{self._path.name}: {what}")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on the error output, so that the answer can be piped on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=trouble, transient=True) as progress:
        yield progress
