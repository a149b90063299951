"""What the image installs is what the repository holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("kernel", "chassis", "services", "cli", "deploy/local")


@pytest.fixture(scope="module")
def wheel_contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built as the image builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_every_committed_file_of_the_suite(wheel_contents: set[str]) -> None:
    """Code, migrations, fonts and samples all reach the image."""
    command = ["git", "ls-files", "-z", *SHIPPED]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    committed = {name for name in listing.stdout.split("\0") if (ROOT / name).is_file()}
    assert committed
    assert committed - wheel_contents == set()


def test_the_wheel_carries_the_generated_contracts(wheel_contents: set[str]) -> None:
    """Generated code is not in git, so nothing else would notice its absence."""
    generated = {
        path.relative_to(ROOT / "gen").as_posix()
        for path in (ROOT / "gen/tollbook").rglob("*")
        if path.suffix in {".py", ".pyi", ".json"}
    }
    assert generated
    assert generated - wheel_contents == set()


def test_the_wheel_leaves_tests_and_tools_at_home(wheel_contents: set[str]) -> None:
    """Only what runs in production is installed there."""
    folders = {name.split("/")[0] for name in wheel_contents}
    assert folders.isdisjoint({"tests", "tools", "docs", "requirements", "proto"})
