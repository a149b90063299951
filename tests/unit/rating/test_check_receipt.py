"""The standalone checker accepts every receipt of the engine, and no receipt that was forged."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.rating_oracle.agreement import random_receipts
from tools.check_receipt import check, recompute

CHECKER = Path(__file__).resolve().parents[3] / "tools/check_receipt.py"
SAMPLE_TENANTS = range(500, 550)
FORGED_TENANTS = range(600, 606)
# Nothing is computed from these: only the digest protects them.
PROTECTED_BY_DIGEST = {
    "row_number",
    "begin_micros",
    "effective_micros",
    "period_start_micros",
    "period_end_micros",
}
# Whoever changes one of these is found out, whatever digest they write.
RECOMPUTED = {"version", "charged", "units", "exact_micros", "rounded_micros", "amount_micros"}


def test_every_receipt_of_a_mixed_sample_holds(tmp_path: Path) -> None:
    """The checker recomputes each amount by itself: Python without paths, site or environment."""
    receipts = [each for seed in SAMPLE_TENANTS for each in random_receipts(seed)]
    assert len(receipts) > 3_000
    (tmp_path / "receipts").write_bytes(b"\n".join(receipts))
    done = _run(str(tmp_path / "receipts"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "every receipt holds")


def test_a_wrong_receipt_is_told_by_the_exit_code() -> None:
    """One wrong receipt among right ones is named, with what is wrong."""
    right = next(random_receipts(500))
    wrong = _sealed(json.loads(right) | {"amount_micros": 123_456_789})
    done = _run(input=b"\n".join([right, wrong]).decode())
    assert done.returncode == 1
    assert "WRONG: amount_micros: the receipt has 123456789" in done.stdout


@pytest.mark.parametrize("seed", FORGED_TENANTS)
def test_a_figure_is_never_changed_without_the_digest(seed: int) -> None:
    """Whatever number is changed, the digest tells."""
    for receipt in random_receipts(seed, calls=25):
        for _, forged in _forgeries(receipt):
            changed = json.dumps(forged, separators=(",", ":"), ensure_ascii=False).encode()
            assert changed != receipt
            assert check(changed) != []


@pytest.mark.parametrize("seed", FORGED_TENANTS)
def test_a_forged_digest_hides_no_figure_that_the_price_depends_on(seed: int) -> None:
    """A new digest helps only where the exact price and the amount do not depend on the figure."""
    for receipt in random_receipts(seed, calls=25):
        steps = recompute(receipt)
        for name, forged in _forgeries(receipt):
            sealed = _sealed(forged)
            problems = check(sealed)
            assert problems or name not in RECOMPUTED, sealed
            # A cap, a minimum or a whole increment may hide a change: the exact price stays.
            assert problems or recompute(sealed)[-1] == steps[-1], sealed
            assert problems == [] or name not in PROTECTED_BY_DIGEST, problems


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"version":2}',
        b'{"version":2,"kind":"VOICE"}',
        b"[" * 100_000,
        b"\xff",
        b'{"version":2,"kind":"VOICE","currency":"EUR","bundles":5,"amount_micros":1}',
    ],
)
def test_what_is_no_receipt_is_refused(content: bytes) -> None:
    """Whatever the bytes, the checker answers."""
    assert check(content) != []
    assert check(content + b',"digest":"0123456789abcdef"}') != []


def test_numbers_are_never_read_as_binary_fractions() -> None:
    """A figure written as 1.0 or 1e3 is no figure of a receipt."""
    fields = json.loads(next(random_receipts(500)))
    for figure in (1.0, 1e30):
        assert check(_sealed(fields | {"amount_micros": figure})) != []


def _run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(CHECKER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def _sealed(fields: dict[str, Any]) -> bytes:
    """The receipt with a digest that fits."""
    unsealed = {name: value for name, value in fields.items() if name != "digest"}
    content = json.dumps(unsealed, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
    return content + f',"digest":"{sha256(content).hexdigest()[:16]}"}}'.encode()


def _forgeries(receipt: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The receipt with one number changed, for every number in it, in three ways."""
    fields = json.loads(receipt)
    for path in _numbers(fields, ()):
        for way in range(3):
            forged = copy.deepcopy(fields)
            part = forged
            for step in path[:-1]:
                part = part[step]
            part[path[-1]] = _changed(part[path[-1]], way)
            yield str(path[-1]), forged


def _numbers(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(part, dict | list):
        for step, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _numbers(inner, (*path, step))
    elif path[-1] in {"rate", "exact_micros"} or (type(part) is int):
        yield path


def _changed(value: int | str, way: int) -> int | str:
    if isinstance(value, int):
        return (value + 1, value - 1, 2 * value + 7)[way]
    head, separator, tail = value.partition("/" if "/" in value else ".")
    if way == 0 and separator == "/":
        return f"{head}/{int(tail) + 1}" if head != "0" else f"1/{tail}"
    return f"{int(head) + way + 1}{separator}{tail}"
