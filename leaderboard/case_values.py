"""Values per case beside a record, where the phase discloses them: `<record>.per_case.csv`, read strictly.

A table beside a record whose phase discloses no values is refused: nobody meant to publish it. Called by
`results_tree`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import CASE_ID
from fundus2oct.metrics.errors import BenchError

MAX_BYTES = 2**24
HEAD = ("case_id", "code")
"""Columns before those of the metrics: the case, and the code of its failure where it has one."""


@dataclass(frozen=True, kw_only=True)
class CaseValues:
    """The disclosed values of one record.

    Attributes:
        case_ids: the cases, in the file's order.
        codes: what went wrong with each; empty for a case that was scored.
        values: metric -> its mean in each case, in the order of ``case_ids``.
    """

    case_ids: tuple[str, ...]
    codes: tuple[str, ...]
    values: dict[str, tuple[float, ...]]

    def of(self, metric: str) -> dict[str, float]:
        """Case -> value of one metric; empty where the table does not hold it."""
        return dict(zip(self.case_ids, self.values.get(metric, ()), strict=False))


def read_case_values(record: Path, result: Mapping[str, Any]) -> CaseValues | None:
    """The values beside a record; None where there are none.

    Raises:
        BenchError: E_RECORD where the phase does not disclose them; E_FORMAT for a table that cannot be read.
    """
    path = record.with_name(f"{record.stem}.per_case.csv")
    if not path.exists():
        return None
    if not (result["protocol"].get("disclosure") or {}).get("per_case", False):
        raise BenchError(
            "E_RECORD",
            "values per case of a phase that does not disclose them",
            where=path,
            expected="per_case = true in the record's disclosure",
            fix="remove the file from the public folder, and from its history",
        )
    rows = _rows(path)
    header, lines = rows[0], rows[1:]
    _check(header, lines, path, expected=result["cases"]["expected"])
    columns = list(zip(*lines, strict=True))
    values = {name: tuple(map(float, columns[i])) for i, name in enumerate(header) if i >= len(HEAD)}
    return CaseValues(case_ids=tuple(columns[0]), codes=tuple(columns[1]), values=values)


def _rows(path: Path) -> list[list[str]]:
    try:
        text = picture_file.read_bytes(path, max_bytes=MAX_BYTES).decode("utf-8")
        return list(csv.reader(io.StringIO(text), strict=True))
    except (ValueError, csv.Error) as error:
        raise BenchError("E_FORMAT", "not a table of values per case", where=path, found=str(error)) from None


def _check(header: Sequence[str], lines: Sequence[Sequence[str]], path: Path, *, expected: int) -> None:
    """Refuse a table that is not one line a case with a finite number in every column."""
    if tuple(header[:2]) != HEAD or len(set(header)) != len(header):
        raise _bad(path, f"columns {', '.join(HEAD)}, then one a metric", ",".join(header)[:80])
    names = [line[0] if line else "" for line in lines]
    if len(names) != expected or len(set(names)) != expected:
        raise _bad(path, f"{expected} cases, each once", f"{len(set(names))} in {len(names)} lines")
    for line in lines:
        if len(line) != len(header) or not CASE_ID.fullmatch(line[0]) or not all(map(_is_number, line[2:])):
            raise _bad(path, f"a case and {len(header) - 2} finite numbers a line", ",".join(line)[:80])


def _bad(path: Path, expected: str, found: str) -> BenchError:
    return BenchError("E_FORMAT", "not a table of values per case", where=path, expected=expected, found=found)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
