"""Pages point at what is there: links, headings, and the modules that they name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("chassis", "deploy", "docs", "kernel", "services", "tests")
PAGES = sorted([ROOT / "README.md", *(page for f in FOLDERS for page in (ROOT / f).rglob("*.md"))])

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAMED_FILE = re.compile(r"`([\w./]+/[\w.]+\.(?:py|md|proto))`")


def broken_links(page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere."""
    for path, heading in LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in anchors_of(target)):
            yield f"{path}#{heading}"


def anchors_of(page: Path) -> set[str]:
    """The anchors that headings of a page have."""
    words = (re.sub(r"[^\w\- ]", "", text.lower()) for text in HEADING.findall(page.read_text()))
    return {text.strip().replace(" ", "-") for text in words}


def missing_files(page: Path) -> Iterator[str]:
    """Files that a page names and that are neither beside it nor in the repository."""
    for name in NAMED_FILE.findall(page.read_text()):
        if not (page.parent / name).exists() and not (ROOT / name).exists():
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_points_at_what_is_there(page: Path) -> None:
    """Who follows a link, or looks for a file that is named, finds it."""
    assert list(broken_links(page)) == []
    assert list(missing_files(page)) == []


def test_what_is_not_there_is_noticed(tmp_path: Path) -> None:
    """A file, a heading, a module that was renamed."""
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](#one-thing) [b](#two) [c](gone.md) `store/gone.py`\n")
    assert list(broken_links(page)) == ["#two", "gone.md#"]
    assert list(missing_files(page)) == ["store/gone.py"]
