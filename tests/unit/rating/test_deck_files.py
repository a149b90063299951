"""A deck is fetched once, used from its file from then on, and never used when it is damaged."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.rating.domain.decks.deck_compiler import compile_deck
from services.rating.domain.decks.rate_columns import RateColumns
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.decks.snapshot import DamagedSnapshotError
from services.rating.store.deck_files import DeckFiles, StoredSnapshot

PARTS = 3


class Origin:
    """A snapshot as the database has it; it counts how often it was fetched."""

    def __init__(self, price_nanos: int = 1, before: Callable[[], None] = lambda: None) -> None:
        rate = Rate("31", "Netherlands", price_nanos, 0, 60, 60, 0, 0, 2)
        self.content = bytes(compile_deck(RateColumns([rate])))
        self.digest = hashlib.sha256(self.content).hexdigest()
        self.fetches = 0
        self._before = before

    def __call__(self) -> StoredSnapshot:
        """What the store hands out."""
        return StoredSnapshot(self.digest, self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        self.fetches += 1
        self._before()
        size = len(self.content) // PARTS + 1
        for start in range(0, len(self.content), size):
            yield self.content[start : start + size]


def price(files: DeckFiles, origin: Origin, key: str = "deck") -> int:
    """The price of the only row of a deck."""
    rate = files.table(key, origin).find("31201234567")
    assert rate is not None
    return rate.price_nanos


def test_a_deck_is_fetched_once(tmp_path: Path) -> None:
    """Every later question is answered from its file."""
    files, origin = DeckFiles(tmp_path), Origin(7)
    assert files.opened("deck") is None
    assert [price(files, origin), price(files, origin)] == [7, 7]
    assert (origin.fetches, files.opened("deck")) == (1, files.table("deck", origin))


def test_a_deck_is_kept_in_a_temporary_folder_where_there_is_no_other() -> None:
    """A process without a data folder prices as well."""
    assert price(DeckFiles(), Origin(7)) == 7


def test_the_next_process_uses_what_the_one_before_left(tmp_path: Path) -> None:
    """Starting again fetches nothing."""
    assert price(DeckFiles(tmp_path), Origin(7)) == 7
    origin = Origin(7)
    assert (price(DeckFiles(tmp_path), origin), origin.fetches) == (7, 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:-9] + b"\xff" + content[-8:],
        lambda content: Origin(8).content,
    ],
)
def test_a_damaged_or_foreign_file_is_fetched_again(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Cut off, emptied, altered in one byte, or the file of another deck."""
    price(DeckFiles(tmp_path), Origin(7))
    [path] = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    origin = Origin(7)
    assert (price(DeckFiles(tmp_path), origin), origin.fetches) == (7, 1)
    assert path.read_bytes() == origin.content


def test_what_is_damaged_at_its_origin_prices_nothing(tmp_path: Path) -> None:
    """And leaves no file behind."""
    origin = Origin(7)
    origin.content = Origin(8).content
    with pytest.raises(DamagedSnapshotError):
        price(DeckFiles(tmp_path), origin)
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_that_fails_is_begun_again(tmp_path: Path) -> None:
    """Half a file is never taken for a whole one, nor left lying by the next process."""

    def fail() -> None:
        raise ConnectionError

    files = DeckFiles(tmp_path)
    with pytest.raises(ConnectionError):
        price(files, Origin(7, before=fail))
    assert [path.suffix for path in tmp_path.iterdir()] == [".new"]
    assert price(files, Origin(7)) == 7
    (tmp_path / "other.new").write_bytes(b"half")
    DeckFiles(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["deck.deck"]


def test_the_least_recently_used_deck_makes_room(tmp_path: Path) -> None:
    """Who still holds it looks numbers up in it as before."""
    origins = {key: Origin(place) for place, key in enumerate("abc")}
    files = DeckFiles(tmp_path, bytes_max=2 * len(origins["a"].content))
    table_b = files.table("b", origins["b"])
    price(files, origins["a"], "a")
    files.table("b", origins["b"])
    files.table("c", origins["c"])
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["b", "c"]
    price(files, origins["a"], "a")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c"]
    rate = table_b.find("31")
    assert rate is not None
    assert (rate.price_nanos, origins["a"].fetches) == (1, 2)


def test_left_files_make_room_first(tmp_path: Path) -> None:
    """What nobody has asked for since the start is the least recently used."""
    origin = Origin(7)
    price(DeckFiles(tmp_path), origin, "old")
    files = DeckFiles(tmp_path, bytes_max=len(origin.content))
    price(files, origin, "new")
    assert [path.stem for path in tmp_path.iterdir()] == ["new"]


def test_many_threads_that_need_one_deck_fetch_it_once(tmp_path: Path) -> None:
    """They wait for the first of them."""
    threads_count = 8
    together = threading.Barrier(threads_count)
    files, origin = DeckFiles(tmp_path), Origin(7)
    prices: list[int] = []

    def ask() -> None:
        together.wait()
        prices.append(price(files, origin))

    threads = [threading.Thread(target=ask) for _ in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (prices, origin.fetches) == ([7] * threads_count, 1)


def test_an_open_deck_does_not_wait_for_one_that_is_fetched(tmp_path: Path) -> None:
    """Calls priced by it go on."""
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait()

    files, origin = DeckFiles(tmp_path), Origin(7)
    price(files, origin)
    fetching = threading.Thread(target=price, args=(files, Origin(8, before=wait), "slow"))
    fetching.start()
    begun.wait()
    assert price(files, origin) == 7
    go_on.set()
    fetching.join()
