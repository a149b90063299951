"""The ledger's checker stands alone, and says in words what is no export."""

import ast
import sys
from pathlib import Path

import pytest

from services.payment.domain.ledger.merkle import MerkleTree
from tools.check_ledger import WrongLedgerError, check, climb, merkle_root

CHECKER = Path(__file__).resolve().parents[3] / "tools/check_ledger.py"
FIRST = b'{"kind":"ledger","version":1,"tenant_id":"acme","start_micros":0,"end_micros":0}\n'
LAST = b'{"kind":"end","line_count":2}\n'


def test_the_checker_needs_nothing_of_ours() -> None:
    """An auditor copies one file: it imports Python's standard library and nothing else."""
    nodes = list(ast.walk(ast.parse(CHECKER.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "the last line is missing"),
        ([b"\n"], "line 1: no line of a ledger"),
        ([b"\xff\n"], "line 1: no line of a ledger"),
        ([b"[" * 100_000 + b"\n"], "line 1: no line of a ledger"),
        ([b"[]\n"], "line 1: its kind is none"),
        ([b'{"kind":"entry"}\n'], "line 1: entry has the keys"),
        ([FIRST.replace(b'"acme"', b'"\\ud800"')], "line 1: no line of a ledger"),
        ([FIRST.replace(b":0,", b":0.0,")], "start_micros is an integer"),
        ([FIRST.replace(b":0,", b":" + b"9" * 5_000 + b",")], "line 1"),
        ([FIRST.replace(b'"version":1', b'"version":2')], "this checks version 1"),
        ([FIRST.replace(b",", b", ")], "it is not written as such a line is"),
        ([FIRST[:-1]], "it is not written as such a line is"),
        ([LAST], "line 1: it is out of order"),
        ([FIRST, FIRST], "line 2: it is out of order"),
        ([FIRST], "the last line is missing"),
        ([FIRST, LAST.replace(b"2", b"3")], "these are 2 lines"),
        ([FIRST, LAST], "there is no root in it"),
    ],
)
def test_what_is_no_export_is_told_in_words(lines: list[bytes], problem: str) -> None:
    """Whatever the file has, the checker neither fails nor calls it good."""
    with pytest.raises(WrongLedgerError, match=problem):
        check(lines)


@pytest.mark.parametrize("count", range(1, 18))
def test_each_leaf_has_one_path_to_the_root(count: int) -> None:
    """Of trees of any size; in no other place, and with no other neighbour."""
    leaves = [bytes([place]) for place in range(count)]
    tree = MerkleTree.of(leaves)
    root = tree.root.hex()
    assert merkle_root(leaves) == root
    for place, leaf in enumerate(leaves):
        path = [neighbour.hex() for neighbour in tree.path(place)]
        assert climb(leaf, place, count, path) == root
        for other in range(count):
            if other != place:
                assert _climbed(leaf, other, count, path) != root
        for wrong in (path[:-1], [*path, root]):
            if wrong != path:
                assert _climbed(leaf, place, count, wrong) != root


def _climbed(leaf: bytes, place: int, count: int, path: list[str]) -> str:
    try:
        return climb(leaf, place, count, path)
    except WrongLedgerError:
        return ""
