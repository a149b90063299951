"""Messages of the contract that operators write as JSON files."""

import re
from pathlib import Path
from typing import TypeVar

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from cli.files import read_text

M = TypeVar("M", bound=Message)

_FIELD = re.compile(r"Failed to parse (\w+) field: ")
_PLACE = re.compile(r' at "?\w+(?:\.([\w.\[\]]*\w\]?))?"?(?=\.*(?:\s|$))')


def read_message(path: Path, message: M) -> M:
    """The message that a JSON file holds; what is wrong is told with its path in the file."""
    try:
        return json_format.Parse(read_text(path), message)
    except json_format.ParseError as error:
        what = f"no {message.DESCRIPTOR.name}"
        raise typer.BadParameter(f"{path} is {what}: {_located(str(error))}") from None


def _located(problem: str) -> str:
    """A parser's sentence, behind the path of what it is about."""
    fields, rest = _FIELD.findall(problem), _FIELD.sub("", problem)
    place = _PLACE.search(rest)
    path = (place[1] if place else None) or ".".join(fields)
    words = " ".join(_PLACE.sub("", rest, count=1).split()).rstrip(".")
    return f"{path}: {words}" if path else words
