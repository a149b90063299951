"""Generates gen/ from proto/: Python messages, stubs, types and the descriptor image buf lints."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GEN = ROOT / "gen"
INPUTS_DIGEST = "inputs.sha256"
IMAGE = "tollbook.binpb"


def main() -> int:
    """Build what is out of date; the previous output stays if the contracts do not compile."""
    with only_one_build():
        digest = digest_of_inputs()
        if digest == recorded_digest():
            return 0
        print("==> Generating gen/ from proto/")
        with tempfile.TemporaryDirectory(prefix=".gen-", dir=ROOT) as folder:
            built = Path(folder) / "gen"
            exit_code = generate(built)
            if exit_code == 0:
                (built / INPUTS_DIGEST).write_text(digest)
                replace_output(built, Path(folder) / "old")
        return exit_code


@contextmanager
def only_one_build() -> Iterator[None]:
    """Let a second make wait for the first instead of mixing two outputs."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def contracts() -> list[Path]:
    """Every proto file, in a stable order."""
    return sorted((PROTO / "tollbook").rglob("*.proto"))


def tables() -> list[Path]:
    """The service configurations and authorization tables that are read beside the contracts."""
    return sorted((PROTO / "tollbook").rglob("*.json"))


def digest_of_inputs() -> str:
    """Digest whatever the output depends on: contracts, tables, the compilers, this script."""
    digest = hashlib.sha256()
    for path in [*contracts(), *tables(), ROOT / "requirements/dev.txt", Path(__file__)]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def recorded_digest() -> str | None:
    """Return the digest of the inputs that the present output was built from."""
    try:
        return (GEN / INPUTS_DIGEST).read_text()
    except FileNotFoundError:
        return None


def generate(output: Path) -> int:
    """Fill a new folder; return protoc's exit code, which has then printed what was wrong."""
    output.mkdir()
    exit_code = run_protoc(output)
    if exit_code == 0:
        copy_tables(output)
        mark_packages(output / "tollbook")
    return exit_code


def run_protoc(output: Path) -> int:
    """Run protoc with its Python, gRPC and type-stub generators."""
    scripts = Path(sysconfig.get_path("scripts"))
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc"),
        f"--proto_path={PROTO}",
        f"--proto_path={sysconfig.get_path('purelib')}",  # google/type, google/rpc, google/api
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={output}",
        f"--grpc_python_out={output}",
        f"--mypy_out=quiet:{output}",
        f"--mypy_grpc_out=quiet,only_async:{output}",
        f"--descriptor_set_out={output / IMAGE}",
        "--include_imports",
        "--include_source_info",
        *map(str, contracts()),
    ]
    return subprocess.run(command, check=False).returncode


def copy_tables(output: Path) -> None:
    """Put the JSON tables beside the modules, where importlib.resources finds them."""
    for table in tables():
        shutil.copyfile(table, output / table.relative_to(PROTO))


def mark_packages(package: Path) -> None:
    """Make ordinary packages of the folders, so that types and resources resolve everywhere."""
    for folder in [package, *subfolders(package)]:
        (folder / "__init__.py").touch()
    (package / "py.typed").touch()


def subfolders(folder: Path) -> Iterable[Path]:
    """Every folder below this one."""
    return (path for path in folder.rglob("*") if path.is_dir())


def replace_output(built: Path, old: Path) -> None:
    """Swap the new output in; the old one goes away with the temporary folder."""
    if GEN.exists():
        GEN.rename(old)
    built.rename(GEN)


if __name__ == "__main__":
    sys.exit(main())
