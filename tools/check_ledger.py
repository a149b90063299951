"""Check an export of a ledger from the file alone: docs/reference/ledger.md.

    python -I check_ledger.py FILE [--root HEX ...]      roots noted elsewhere, to hold it against

Exits with 0 if everything holds, else 1. Nothing but Python's standard library is needed.
"""

import argparse
import hashlib
import json
import struct
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

KINDS = ("ledger", "root", "entry", "balance", "proof", "end")
# $ marks a text, # a hash, * a list, ! the fields of another line; the others are integers.
KEYS = {
    "ledger": "kind$ version tenant_id$ start_micros end_micros",
    "root": "kind$ start_micros end_micros chain_count previous_root# tree_root# root# chains*",
    "chains": "legal_entity_id$ partition chain_sequence head_hash# entry_count entries_root# "
    "place path*",
    "entry": "kind$ journal_entry_id$ legal_entity_id$ partition chain_sequence reason reference$ "
    "actor$ create_micros source_producer$ source_partition source_sequence postings* hash#",
    "postings": "ledger_account account_id$ currency$ micros",
    "balance": "kind$ legal_entity_id$ partition account_id$ currency$ ledger_account micros",
    "proof": "kind$ entry! previous_hash# place path* root!",
    "end": "kind$ line_count",
}
MARKS = "$#*!"
ORDER = {
    "root": "end_micros",
    "entry": "journal_entry_id",
    "balance": "legal_entity_id partition account_id currency ledger_account",
}
KINDS_OF_ACCOUNTS = frozenset({1, 2, 3, 8})
TRANSFER_CLEARING = 10
NOTHING, HEX_DIGITS = "0" * 64, frozenset("0123456789abcdef")

Fields = dict[str, Any]
ChainKey = tuple[str, int]


class WrongLedgerError(Exception):
    """A file that does not hold, and why."""


class Ledger:
    """What has been read of a file; every line is checked against the lines before it."""

    def __init__(self) -> None:
        self.tenant_id = ""
        self.start = self.end = 0
        self.roots: list[Fields] = []
        # Of each chain, its state under each root, by the root's place.
        self.chains: dict[ChainKey, dict[int, Fields]] = defaultdict(dict)
        self.walks: dict[ChainKey, Walk] = {}
        self.postings: dict[tuple[Any, ...], int] = defaultdict(int)
        self.transfers: dict[tuple[str, str], int] = defaultdict(int)
        self.entry_count = self.proof_count = self._line_count = self._stage = 0
        self.known_roots: dict[int, str] = {}  # by their ends
        self._place: list[Any] | None = None

    def take(self, content: bytes) -> None:
        """Take the next line of the file."""
        line = _parsed(content)
        at, number = KINDS.index(line["kind"]), self._line_count + 1
        _require((at == 0) == (number == 1) and at >= self._stage < 5, "it is out of order")
        self._place = _next_place(line, self._place if at == self._stage else None)
        for kind, leave in ("entry", self.end_of_entries), ("balance", self.end_of_balances):
            if self._stage <= KINDS.index(kind) < at:
                leave()
        self._stage, self._line_count = at, number
        if line["kind"] == "end":
            _require(line["line_count"] == number, f"these are {number} lines")
        else:
            getattr(self, line["kind"])(line)

    def finish(self, roots: Iterable[str]) -> None:
        """When the last line has been taken: nothing is missing behind it."""
        _require(self._stage == KINDS.index("end"), "the last line is missing")
        _require(bool(self.known_roots), "there is no root in it")
        for root in roots:
            _require(root in self.known_roots.values(), f"the file is not under root {root}")

    def ledger(self, line: Fields) -> None:
        """The first line: whose books, in which time."""
        _require(line["version"] == 1, "this checks version 1")
        self.tenant_id, self.start, self.end = _of(line, "tenant_id start_micros end_micros")
        _require(0 <= self.start <= self.end, "its end is before its start")

    def root(self, line: Fields) -> None:
        """A root follows the one before it."""
        before = self.roots[-1] if self.roots else None
        if before is None:
            first = line["end_micros"] if self.start else line["start_micros"]
            _require(first == self.start, "the first root does not begin with the file")
        else:
            _require(line["start_micros"] == before["end_micros"], "a root is missing before this")
            _require(line["previous_root"] == before["root"], "it does not follow the root before")
        if line["start_micros"] == 0:
            _require(line["previous_root"] == NOTHING, "a root before the first")
        self._chains_of(line)
        check_root(line, self.tenant_id)
        self.known_roots[line["end_micros"]] = line["root"]
        self.roots.append(line)

    def _chains_of(self, line: Fields) -> None:
        number = len(self.roots)
        for chain in line["chains"]:
            self.chains[chain["legal_entity_id"], chain["partition"]][number] = chain
        for key, states in self.chains.items():
            _require(number in states, f"chain {key} is missing under this root")

    def entry(self, line: Fields) -> None:
        """An entry follows the one before it in its chain."""
        key = (line["legal_entity_id"], line["partition"])
        _require(self.start <= line["create_micros"] < self.end, "it is outside of the time")
        if key not in self.walks:
            self.walks[key] = Walk(self, key)
        self.walks[key].take(line)
        self.entry_count += 1
        check_postings(line["postings"])
        for posting in line["postings"]:
            account = _of(posting, "account_id currency ledger_account")
            self.postings[*key, *account] += posting["micros"]

    def end_of_entries(self) -> None:
        """When the last entry has been read: each chain is where the last root says."""
        last = self.roots[-1]["end_micros"] if self.roots else 0
        _require(last == self.end, "the last root is not the one at the end")
        for key in self.chains:
            self.walks.setdefault(key, Walk(self, key)).finish()

    def balance(self, line: Fields) -> None:
        """A balance is the sum of its postings."""
        key = _of(line, ORDER["balance"])
        expected = self.postings.pop(tuple(key), 0)
        _require(line["micros"] == expected != 0, f"its postings sum to {expected}")
        if line["ledger_account"] == TRANSFER_CLEARING:
            self.transfers[key[0], key[3]] += expected

    def end_of_balances(self) -> None:
        """When the last balance has been read: none is missing, and every transfer has arrived."""
        for key, micros in self.postings.items():
            _require(micros == 0, f"the balance of {key} is missing")
        for books, micros in self.transfers.items():
            _require(micros == 0, f"the transfers of {books} are out by {micros}")

    def proof(self, line: Fields) -> None:
        """An entry leads to a root."""
        entry, root = line["entry"], line["root"]
        key = (entry["legal_entity_id"], entry["partition"])
        _require(len(root["chains"]) == 1, "the proof of an entry names one chain")
        (chain,) = root["chains"]
        _require(key == (chain["legal_entity_id"], chain["partition"]), "it is of another chain")
        check_root(root, self.tenant_id)
        check_postings(entry["postings"])
        expected = entry_hash(self.tenant_id, entry, line["previous_hash"])
        _require(entry["hash"] == expected, "the entry's hash differs")
        known = self.known_roots.setdefault(root["end_micros"], root["root"])
        _require(known == root["root"], "the file has another root of that time")
        covers = root["start_micros"] <= entry["create_micros"] < root["end_micros"]
        _require(covers, "the root does not cover the entry")
        first = chain["chain_sequence"] - chain["entry_count"]
        _require(line["place"] == entry["chain_sequence"] - first - 1, "it has another place")
        is_first = entry["chain_sequence"] == 1
        _require(not is_first or line["previous_hash"] == NOTHING, "nothing is before the first")
        leaf = bytes.fromhex(entry["hash"])
        climbed = climb(leaf, line["place"], chain["entry_count"], line["path"])
        _require(climbed == chain["entries_root"], "its path does not lead to the entries' root")
        self.proof_count += 1


class Walk:
    """Goes along a chain, from one root to the next."""

    def __init__(self, ledger: Ledger, key: ChainKey) -> None:
        states = ledger.chains.get(key)
        if not states:
            raise WrongLedgerError(f"chain {key} is under no root")
        self._tenant_id, self._roots = ledger.tenant_id, ledger.roots
        self._states = states
        self._hashes: list[bytes] = []
        self._sequence, self._hash, self._time = 0, NOTHING, 0
        self._under = 0 if ledger.start else -1
        if opening := states.get(self._under):
            self._sequence, self._hash = _of(opening, "chain_sequence head_hash")

    def take(self, entry: Fields) -> None:
        """Take the next entry of the chain."""
        while not self._is_covered(entry):
            self._pass_root()
        _require(entry["chain_sequence"] == self._sequence + 1, "an entry before it is missing")
        _require(entry["create_micros"] >= self._time, "time goes back")
        expected = entry_hash(self._tenant_id, entry, self._hash)
        _require(entry["hash"] == expected, "it is not what was written: its hash differs")
        self._sequence, self._hash, self._time = _of(entry, "chain_sequence hash create_micros")
        self._hashes.append(bytes.fromhex(self._hash))

    def _is_covered(self, entry: Fields) -> bool:
        """Whether the next root covers an entry."""
        _require(self._under + 1 < len(self._roots), "no root covers it")
        return bool(entry["create_micros"] < self._roots[self._under + 1]["end_micros"])

    def finish(self) -> None:
        """Pass what roots there are behind the last entry."""
        while self._under + 1 < len(self._roots):
            self._pass_root()

    def _pass_root(self) -> None:
        self._under += 1
        state = self._states.get(self._under)
        if state is None:
            _require(self._sequence == 0, "the chain is missing under a root")
            return
        found = (self._sequence, self._hash, len(self._hashes), merkle_root(self._hashes))
        told = tuple(_of(state, "chain_sequence head_hash entry_count entries_root"))
        _require(found == told, f"the chain differs from its root: {found} against {told}")
        self._hashes = []


def check_root(line: Fields, tenant_id: str) -> None:
    """Check a root and that the tenant's chains are under it."""
    form = _text("tollbook.ledger-root.1")
    form += _numbers(line, "start_micros end_micros chain_count")
    form += bytes.fromhex(line["previous_root"] + line["tree_root"])
    _require(_sha(form) == line["root"], "the root is not what its line makes it")
    _require(line["start_micros"] < line["end_micros"], "it covers no time")
    chains = line["chains"]
    _ascending([_of(chain, "legal_entity_id partition") for chain in chains])
    for place, chain in enumerate(chains, start=chains[0]["place"] if chains else 0):
        _require(chain["place"] == place, "a chain before it is missing")
        leaf = _text("tollbook.chain-root.1") + _text(tenant_id) + _text(chain["legal_entity_id"])
        leaf += _numbers(chain, "partition chain_sequence") + bytes.fromhex(chain["head_hash"])
        leaf += _numbers(chain, "entry_count") + bytes.fromhex(chain["entries_root"])
        climbed = climb(leaf, chain["place"], line["chain_count"], chain["path"])
        _require(climbed == line["tree_root"], "a chain's path does not lead to the tree's root")


def check_postings(postings: list[Fields]) -> None:
    """Check that an entry moves money and makes none."""
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting["currency"]] += posting["micros"]
        has_account = posting["ledger_account"] in KINDS_OF_ACCOUNTS
        _require(has_account == bool(posting["account_id"]), "an account where none belongs")
    _require(len(postings) > 1 and not any(sums.values()), f"its postings sum to {dict(sums)}")


def entry_hash(tenant_id: str, entry: Fields, previous: str) -> str:
    """The hash that an entry has behind another one."""
    form = _text("tollbook.journal-entry.1") + _text(tenant_id) + _text(entry["legal_entity_id"])
    form += _numbers(entry, "partition chain_sequence") + _text(entry["journal_entry_id"])
    form += _numbers(entry, "reason") + _text(entry["reference"]) + _text(entry["actor"])
    form += _numbers(entry, "create_micros") + _text(entry["source_producer"])
    form += _numbers(entry, "source_partition source_sequence")
    form += struct.pack(">q", len(entry["postings"]))
    for posting in entry["postings"]:
        form += _numbers(posting, "ledger_account") + _text(posting["account_id"])
        form += _text(posting["currency"]) + _numbers(posting, "micros")
    return _sha(bytes.fromhex(previous) + form)


def merkle_root(leaves: list[bytes]) -> str:
    """The Merkle tree hash of RFC 6962."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return level[0].hex() if level else _sha(b"")


def climb(leaf: bytes, place: int, count: int, path: list[str]) -> str:
    """Where a path leads to from a leaf in its place, in a tree of so many leaves."""
    _require(0 <= place < count, "a place that the tree does not have")
    node, last, rest = hashlib.sha256(b"\0" + leaf).digest(), count - 1, list(path)
    while last:
        if place % 2 or place < last:
            _require(bool(rest), "a path that is too short")
            neighbour = bytes.fromhex(rest.pop(0))
            pair = neighbour + node if place % 2 else node + neighbour
            node = hashlib.sha256(b"\1" + pair).digest()
        place, last = place // 2, last // 2
    _require(not rest, "a path that is too long")
    return node.hex()


def check(lines: Iterable[bytes], roots: Iterable[str] = ()) -> Ledger:
    """Check a file; WrongLedgerError names the first line that shows what is wrong."""
    ledger = Ledger()
    for number, line in enumerate(lines, start=1):
        try:
            ledger.take(line)
        except WrongLedgerError as problem:
            raise WrongLedgerError(f"line {number}: {problem}") from None
    ledger.finish(roots)
    return ledger


def _next_place(line: Fields, before: list[Any] | None) -> list[Any]:
    """What lines of a kind are ordered by; each comes after the one before."""
    fields: Fields = line["entry"] if line["kind"] == "proof" else line
    place = _of(fields, ORDER.get(fields["kind"], "kind"))
    _ascending([place] if before is None else [before, place])
    return place


def _parsed(content: bytes) -> Fields:
    """The fields of a line, if it is written as such a line is."""
    try:
        fields: Any = json.loads(content)
        _require(isinstance(fields, dict) and fields.get("kind") in KINDS, "its kind is none")
        _check_fields(fields["kind"], fields)
        written = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except (ValueError, RecursionError) as problem:
        raise WrongLedgerError(f"no line of a ledger: {problem}") from None
    _require(written == content, "it is not written as such a line is")
    line: Fields = fields
    return line


def _check_fields(kind: str, fields: Any) -> None:
    keys = KEYS[kind].split()
    has_keys = isinstance(fields, dict) and list(fields) == [key.rstrip(MARKS) for key in keys]
    _require(has_keys, f"{kind} has the keys {KEYS[kind]}")
    for key in keys:
        _check_value(key, fields[key.rstrip(MARKS)])


def _check_value(key: str, value: Any) -> None:
    name, mark = key.rstrip(MARKS), key[-1]
    if mark == "$":
        _require(isinstance(value, str), f"{name} is a text")
    elif mark == "#":
        is_hash = isinstance(value, str) and len(value) == 64 and set(value) <= HEX_DIGITS
        _require(is_hash, f"{name} is 64 hexadecimal digits")
    elif mark == "*":
        _require(isinstance(value, list), f"{name} is a list")
        for each in value:
            _check_value("path#", each) if name == "path" else _check_fields(name, each)
    elif mark == "!":
        _check_fields(name, value)
        _require(value["kind"] == name, f"{name} is another line")
    else:
        fits = type(value) is int and -(2**63) <= value < 2**63
        _require(fits, f"{name} is an integer of 64 bits")


def _of(fields: Fields, names: str) -> list[Any]:
    return [fields[name] for name in names.split()]


def _ascending(places: list[list[Any]]) -> None:
    for before, after in pairwise(places):
        _require(before < after, f"{after} stands behind {before}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise WrongLedgerError(problem)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _numbers(fields: Fields, names: str) -> bytes:
    return b"".join(struct.pack(">q", value) for value in _of(fields, names))


def _text(value: str) -> bytes:
    content = value.encode()
    return struct.pack(">I", len(content)) + content


def main() -> int:
    """Check a file and say what it proves."""
    parser = argparse.ArgumentParser(description="Check an export of a ledger.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", action="append", default=[], help="noted elsewhere, hexadecimal")
    arguments = parser.parse_args()
    try:
        with arguments.file.open("rb") as lines:
            ledger = check(lines, arguments.root)
    except (WrongLedgerError, OSError) as problem:
        print(f"{arguments.file}: {problem}", file=sys.stderr)
        return 1
    proved = f", {ledger.proof_count} proved by themselves" if ledger.proof_count else ""
    held, newest = f"{ledger.entry_count} entries hold{proved}", max(ledger.known_roots.items())[1]
    print(f"tenant {ledger.tenant_id}: {held}, up to root {newest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
