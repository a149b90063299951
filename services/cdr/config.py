"""Settings of cdr, read from the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from chassis.settings import Between


@dataclass(frozen=True, slots=True)
class CdrSettings:
    """What an operator may tune."""

    watch_dir: Annotated[
        Path | None, "Folder of the files to collect, <tenant>/<source code>/*; empty: none."
    ] = None
    watch_interval_seconds: Annotated[
        int, "How often the watched folder is looked at.", Between(1, 3_600)
    ] = 1
    watch_finished_after_seconds: Annotated[
        int, "A file that has not grown for so long is finished.", Between(10, 86_400)
    ] = 300
    http_listen_address: Annotated[
        str, "Host and port of the HTTP pushes; port 0: a free one; empty: no pushes."
    ] = "127.0.0.1:8081"
    retry_interval_seconds: Annotated[
        int, "How often records whose line has come to be known are retried.", Between(1, 3_600)
    ] = 1
