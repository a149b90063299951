"""The style rules that no linter knows, kept by a machine."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FUNCTION_LINES_MEDIAN_MAX = 10

# A ratchet: these may shrink, never grow.
MODULE_LINES_USUAL = 300
MODULES_PAST_USUAL_MAX = 2
FUNCTION_LINES_USUAL = 40
FUNCTIONS_PAST_USUAL_MAX = 8

# Where amounts, prices and quantities are computed. (Scores in fraud are statistics, not money.)
MONEY_FOLDERS = (
    "kernel/",
    "services/rating/domain/",
    "services/payment/domain/",
    "services/invoice/domain/",
)
FLOAT_NAMES = {"float", "float16", "float32", "float64", "double"}
# Schema history is read once, top to bottom, and never changed.
MIGRATIONS = re.compile(r"services/\w+/(store/)?migrations/")

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$})-])/(?:home|root|work|Users)/[\w.-]+")
INDEX_ADDRESS = re.compile(r"://|--(?:extra-)?index-url|--find-links")
# Fifteen digits of American Express, sixteen of the others: no telephone number looks like that.
CARD_NUMBER = re.compile(r"(?<![\w.])(?:3[47]\d{13}|[2-6]\d{15})(?![\w.])")


@cache
def committed_files() -> list[str]:
    """Every file that is or will be committed, as a path from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(path for path in set(listing.stdout.splitlines()) if (ROOT / path).is_file())


@cache
def text_of(path: str) -> str:
    """The text of a file; a binary file has none."""
    content = (ROOT / path).read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def python_files() -> list[str]:
    return [path for path in committed_files() if path.endswith(".py")]


@cache
def functions() -> list[tuple[str, int]]:
    """Every function outside the migrations, with its length in lines."""
    return [
        (f"{path}:{line} {name}", length)
        for path in python_files()
        if not MIGRATIONS.match(path)
        for name, line, length in function_lengths(text_of(path))
    ]


@cache
def modules() -> list[tuple[str, int]]:
    """Every module outside the migrations, with its length in lines."""
    return [
        (path, len(text_of(path).splitlines()))
        for path in python_files()
        if not MIGRATIONS.match(path)
    ]


def function_lengths(source: str) -> Iterator[tuple[str, int, int]]:
    """The name, line and length of each function in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def lacks_docstring(source: str) -> bool:
    return bool(source.strip()) and ast.get_docstring(ast.parse(source)) is None


def float_lines(source: str) -> list[int]:
    """The lines on which a module writes or names a binary floating-point number."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in FLOAT_NAMES)
        or (isinstance(node, ast.Attribute) and node.attr in FLOAT_NAMES)
    ]


def unpolled_sleep_lines(source: str) -> list[int]:
    """The lines that sleep outside a loop: a guess at a duration instead of a wait for a fact."""
    tree = ast.parse(source)
    polling = {
        id(inner)
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for inner in ast.walk(loop)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == "sleep" and id(node) not in polling
    ]


def called_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def card_numbers(text: str) -> list[str]:
    """The numbers in a text that a payment card could have."""
    return [number for number in CARD_NUMBER.findall(text) if passes_luhn(number)]


def passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def matches(pattern: re.Pattern[str], paths: list[str]) -> list[str]:
    """Each line of the files on which the pattern is found."""
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def longer_than(limit: int, measured: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(name, length) for name, length in measured if length > limit]


def test_no_module_outgrows_its_limit() -> None:
    """A module past the limit hides a second purpose: split it."""
    assert longer_than(MODULE_LINES_MAX, modules()) == []


def test_no_function_outgrows_its_limit() -> None:
    """A function past the limit hides a second purpose: split it."""
    assert longer_than(FUNCTION_LINES_MAX, functions()) == []


def test_long_modules_and_functions_stay_few() -> None:
    """The budget of long code may be spent once and only shrinks."""
    long_modules = longer_than(MODULE_LINES_USUAL, modules())
    assert len(long_modules) <= MODULES_PAST_USUAL_MAX, long_modules
    long_functions = longer_than(FUNCTION_LINES_USUAL, functions())
    assert len(long_functions) <= FUNCTIONS_PAST_USUAL_MAX, long_functions


def test_the_usual_function_fits_in_a_glance() -> None:
    """Half of all functions have at most ten lines."""
    assert statistics.median(length for _, length in functions()) <= FUNCTION_LINES_MEDIAN_MAX


def test_every_module_says_what_it_is_for() -> None:
    """Only an empty file needs no opening sentence."""
    assert [path for path in python_files() if lacks_docstring(text_of(path))] == []


def test_nothing_is_left_unfinished() -> None:
    """What remains to be done is an issue, not a comment."""
    assert matches(UNFINISHED, committed_files()) == []


def test_money_is_never_a_float() -> None:
    """Where amounts are computed, no binary floating-point number is written or named."""
    found = {
        path: float_lines(text_of(path))
        for path in python_files()
        if path.startswith(MONEY_FOLDERS)
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_tests_wait_for_facts_not_for_time() -> None:
    """A test sleeps only between two looks at the fact it waits for."""
    found = {
        path: unpolled_sleep_lines(text_of(path))
        for path in python_files()
        if path.startswith("tests/")
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_nothing_names_the_machine_it_was_written_on() -> None:
    """Whoever clones the repository has other folders."""
    assert matches(MACHINE_PATH, committed_files()) == []


def test_locks_name_no_package_index() -> None:
    """Where packages come from is the choice of whoever installs; the hashes say which."""
    locks = [path for path in committed_files() if path.startswith("requirements/")]
    assert locks, "requirements/ is gone"
    assert matches(INDEX_ADDRESS, locks) == []
    assert {"uv.lock", "pylock.toml"}.isdisjoint(committed_files())


def test_no_card_number_is_committed() -> None:
    """Card data never touches the suite, not even in a sample."""
    found = {path: card_numbers(text_of(path)) for path in committed_files()}
    assert {path: numbers for path, numbers in found.items() if numbers} == {}


def test_the_rules_see_what_they_forbid() -> None:
    """Each rule recognises an offender, so that an empty result means something."""
    assert list(function_lengths("def f():\n    x = 1\n    return x\n")) == [("f", 1, 3)]
    assert lacks_docstring("x = 1")
    assert float_lines("price = 0.1\ntotal = float(price)\nnp.float64(1)") == [1, 2, 3]
    assert unpolled_sleep_lines("while not ready():\n    sleep(0.1)\ntime.sleep(5)") == [3]
    assert MACHINE_PATH.search("see /" + "home/ann/notes")
    assert UNFINISHED.search("# TO" + "DO: later")
    assert card_numbers("paid with 4" + "0" * 14 + "2") == ["4" + "0" * 14 + "2"]
