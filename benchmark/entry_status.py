"""Withdrawn, disqualified, reinstated: the standing of an entry, in a file that only grows.

``ROOT/<team>/<method>/status.toml`` holds one block a change, oldest first; the last one that fits a phase counts.
Records stay where they are. Written by `bench status`, read by the board; loads neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import tomli_w

from fundus2oct.benchmark.strict_toml import Key, raise_all, read_toml, table_problems
from fundus2oct.benchmark.submission_file import SLUG, is_clean_text
from fundus2oct.metrics.durable_file import write_bytes
from fundus2oct.metrics.errors import BenchError

FILE_NAME = "status.toml"
STATUSES = ("withdrawn", "disqualified", "reinstated")
MAX_REASON = 400

Status = Literal["withdrawn", "disqualified", "reinstated"]


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """One change of an entry's standing.

    Attributes:
        status: withdrawn, disqualified or reinstated.
        date: the day it was decided.
        reason: for the public, one paragraph.
        phase: the phase it is about; empty for all.
    """

    status: Status
    date: date
    reason: str
    phase: str = ""

    @property
    def told(self) -> str:
        """As a board says it.

        >>> StatusChange(status="withdrawn", date=date(2026, 3, 1), reason="a bug in its training").told
        'withdrawn on 2026-03-01: a bug in its training'
        """
        return f"{self.status} on {self.date.isoformat()}: {self.reason}"


KEYS = {
    "status": Key(str, " or ".join(STATUSES), lambda value: value in STATUSES),
    "date": Key(date, "a day, such as 2026-03-01"),
    "reason": Key(
        str,
        f"1 to {MAX_REASON} printable characters in one line",
        lambda value: bool(value) and "\n" not in value and is_clean_text(value, MAX_REASON),
    ),
    "phase": Key(str, SLUG.pattern, lambda value: bool(SLUG.fullmatch(value)), required=False),
}


def read_status(method_folder: Path) -> tuple[StatusChange, ...]:
    """Every change of one entry, oldest first; none when the file is not there.

    Raises:
        BenchError: E_STATUS with what is wrong, or BenchErrors with all of it.
    """
    path = method_folder / FILE_NAME
    if not path.exists():
        return ()
    document = read_toml(path, code="E_STATUS")
    problems = list(table_problems(document, {"change": Key(list, "blocks [[change]]")}, where=path, code="E_STATUS"))
    raise_all(problems, path)
    blocks = document["change"]
    for number, block in enumerate(blocks, start=1):
        problems += table_problems(block, KEYS, where=f"{path}, change {number}", code="E_STATUS")
    raise_all(problems, path)
    return tuple(StatusChange(**block) for block in blocks)


def ruled_out(changes: tuple[StatusChange, ...], phase: str) -> StatusChange | None:
    """The change that keeps an entry from being ranked in ``phase``; None while it stands."""
    fitting = [change for change in changes if change.phase in ("", phase)]
    return fitting[-1] if fitting and fitting[-1].status != "reinstated" else None


def append_status(method_folder: Path, change: StatusChange) -> Path:
    """Add one change at the end of the file; what is there stays byte for byte.

    Raises:
        BenchError: E_STATUS when a rule is broken, E_RESULTS when there is no such entry.
    """
    path = method_folder / FILE_NAME
    if not (method_folder / "results").is_dir():
        where = "a folder <team>/<method> below the results' root"
        raise BenchError("E_RESULTS", "no such entry", where=method_folder, expected=where)
    block = {name: value for name, value in vars(change).items() if value}
    raise_all(table_problems(block, KEYS, where=path, code="E_STATUS"), path)
    read_status(method_folder)
    before = path.read_bytes() if path.exists() else b""
    text = f"{chr(10) if before else ''}[[change]]\n{tomli_w.dumps(block)}"
    write_bytes(path, before + text.encode("utf-8"))
    return path
