"""Callers decide by reasons: services raise those that their contracts name, and no others."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kernel.errors import ErrorKind

ROOT = Path(__file__).parents[2]
SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir() if folder.is_dir())
WITH_CONTRACT = [name for name in SERVICES if (ROOT / "proto/tollbook" / name).exists()]

REASON = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
CODES = {kind.name for kind in ErrorKind}
# A comment over an rpc.
RPC_ERRORS = re.compile(r"((?: *//[^\n]*\n)+) *rpc (\w+)")

# Which argument of a call is the reason, and what is put behind it.
REASON_ARGUMENTS = {"DomainError": 1, "broken_rules": 0, "invalid_field": 0, "precondition": 0}
COMPOSED = {"not_found": "_NOT_FOUND", "exists": "_EXISTS", "taken": "_TAKEN"}


@cache
def raised_in(folder: Path) -> set[str]:
    """The reasons of the errors that the code of a folder makes."""
    trees = [ast.parse(file.read_text()) for file in folder.rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {reason for call in calls for reason in _reasons_of(call)} | set(_constants_of(folder))


def _reasons_of(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    place = REASON_ARGUMENTS.get(name, 0)
    if name not in {*REASON_ARGUMENTS, *COMPOSED} or len(call.args) <= place:
        return
    argument = call.args[place]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        text = argument.value
        reason = text.upper().replace(" ", "_") + COMPOSED[name] if name in COMPOSED else text
        if REASON.fullmatch(reason):
            yield reason


def _constants_of(folder: Path) -> Iterator[str]:
    for file in folder.glob("domain/errors.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                yield str(node.value.value)


def named_in_rpc_comments(service: str) -> Iterator[tuple[str, str]]:
    """Each method with each reason that the comment over it names after 'Errors:'."""
    contracts = (ROOT / f"proto/tollbook/{service}/v1").glob("*_service.proto")
    text = "".join(contract.read_text() for contract in sorted(contracts))
    for comment, method in RPC_ERRORS.findall(text):
        _, _, errors = comment.partition("Errors:")
        yield from ((method, reason) for reason in set(REASON.findall(errors)) - CODES)


def told_by(service: str) -> set[str]:
    """Every word like a reason in a service's contracts and in the pages beside its code."""
    contracts = (ROOT / "proto/tollbook" / service / "v1").glob("*.proto")
    pages = (ROOT / "services" / service).glob("*.md")
    texts = [file.read_text() for file in (*contracts, *pages)]
    return {word for text in texts for word in REASON.findall(text)}


@pytest.mark.parametrize("service", WITH_CONTRACT)
def test_every_reason_that_is_raised_is_told_to_callers(service: str) -> None:
    """In the comments of the service's contract, or in the pages beside its code."""
    raised = raised_in(ROOT / "services" / service)
    assert raised
    assert sorted(raised - told_by(service)) == []


@pytest.mark.parametrize("service", WITH_CONTRACT)
def test_every_reason_that_a_contract_promises_is_raised(service: str) -> None:
    """By the service, by one that it asks, or by what all of them stand on."""
    folders = [ROOT / "kernel", ROOT / "chassis", *(ROOT / "services" / name for name in SERVICES)]
    raised = set[str]().union(*(raised_in(folder) for folder in folders))
    # The chassis composes the reasons of values that cannot be converted.
    raised |= {f"INVALID_{noun}" for noun in ("AMOUNT", "DATE", "DECIMAL", "DURATION", "TIME")}
    promised = list(named_in_rpc_comments(service))
    assert promised
    assert [each for each in promised if each[1] not in raised] == []
