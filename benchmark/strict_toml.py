"""Small TOML files that an organiser writes by hand, read strictly: every unknown key and broken rule at once.

Used for phases, teams and the standing of entries; `submission.toml`, written by strangers, has a reader of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

MAX_BYTES = 2**20


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes:
        kind: its exact type; a whole number is no yes or no, a moment is no day.
        expected: the rule in words.
        rule: whether a value of that type is good.
        required: whether it must be there.
    """

    kind: type
    expected: str
    rule: Callable[[Any], bool] = lambda value: True
    required: bool = True


def read_toml(path: Path, *, code: str) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: of the file.
        code: public code of the error when it is not TOML.

    Raises:
        BenchError: ``code``, E_MISSING, E_EMPTY, E_SIZE or E_FILETYPE.
    """
    try:
        return tomllib.loads(picture_file.read_bytes(path, max_bytes=MAX_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError(code, "not valid TOML", where=path, found=str(error)) from None


def table_problems(table: Any, keys: Mapping[str, Key], *, where: str | Path, code: str) -> Iterator[BenchError]:
    """Every broken rule of one table, one error each."""
    if not isinstance(table, dict):
        yield BenchError(code, "not a table", where=where, expected=", ".join(keys), found=repr(table)[:80])
        return
    for name in sorted(table.keys() - keys.keys()):
        yield BenchError(code, f"unknown key {name!r}", where=where, expected=f"one of {', '.join(keys)}")
    for name, key in keys.items():
        if name not in table and key.required:
            yield BenchError(code, f"key {name!r} is missing", where=where, expected=key.expected)
        elif name in table and not (type(table[name]) is key.kind and key.rule(table[name])):
            found = repr(table[name])[:120]
            yield BenchError(code, f"key {name!r}", where=where, expected=key.expected, found=found)


def raise_all(problems: Iterable[BenchError], where: str | Path) -> None:
    """Raise the one problem, or all of them together; nothing when there is none."""
    listed = list(problems)
    if listed:
        raise listed[0] if len(listed) == 1 else BenchErrors(listed, where=where)
