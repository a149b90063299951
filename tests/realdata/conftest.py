"""Where the real files are: never in this repository, and tests that need them are skipped."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "TOLLBOOK_REALDATA"
DEFAULT_FOLDER = "../shared/realdata"


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real files, from TOLLBOOK_REALDATA or beside the repository."""
    folder = (ROOT / os.environ.get(VARIABLE, DEFAULT_FOLDER)).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real files in {folder}; set {VARIABLE} to their folder")
    return folder
