"""A folder in memory for what tests write: none of it has to outlive a power cut."""

import os
import shutil
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")
FREE_BYTES_MIN = 4 * 1024**3


@cache
def memory_folder() -> str | None:
    """The folder, if this machine has one with enough room, else None: the usual place."""
    is_usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    return str(MEMORY) if is_usable and shutil.disk_usage(MEMORY).free > FREE_BYTES_MIN else None
