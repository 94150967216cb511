"""Values per case beside a record, where the phase discloses them: `<record>.per_case.csv`, read strictly.

A table beside a record whose phase discloses no values is refused: nobody meant to publish it. So is one that does not
fit its record. Called by `results_tree`.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import CASE_ID
from fundus2oct.benchmark.result_file import cases_path
from fundus2oct.metrics.errors import BenchError

MAX_BYTES = 2**24
ROUNDING = 1e-9
"""By so much, relatively, a mean of equal numbers may leave them."""

HEAD = ("case_id", "code")
"""Columns before those of the metrics: the case, and the code of its failure where it has one."""


@dataclass(frozen=True, kw_only=True)
class CaseValues:
    """The disclosed values of one record.

    Attributes:
        case_ids: the cases, in the file's order.
        codes: what went wrong with each; empty for a case that was scored.
        values: metric -> its mean in each case, in the order of ``case_ids``; NaN: the truth could not be measured.
    """

    case_ids: tuple[str, ...]
    codes: tuple[str, ...]
    values: dict[str, tuple[float, ...]]

    def of(self, metric: str) -> dict[str, float]:
        """Case -> value of one metric, without cases whose truth could not be measured; empty where it is not told."""
        told = zip(self.case_ids, self.values.get(metric, ()), strict=False)
        return {case_id: value for case_id, value in told if not math.isnan(value)}

    @property
    def failed(self) -> frozenset[str]:
        """The cases that failed: their values are the cards' prices."""
        return frozenset(case_id for case_id, code in zip(self.case_ids, self.codes, strict=True) if code)


def read_case_values(record: Path, result: Mapping[str, Any]) -> CaseValues | None:
    """The values beside a record; None where there are none.

    Raises:
        BenchError: E_RECORD where the phase does not disclose them, or where they are those of another record;
            E_FORMAT for a table that cannot be read.
    """
    path = cases_path(record)
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
    _check_fit(columns[1], values, result, path)
    return CaseValues(case_ids=tuple(columns[0]), codes=tuple(columns[1]), values=values)


def _rows(path: Path) -> list[list[str]]:
    try:
        text = picture_file.read_bytes(path, max_bytes=MAX_BYTES).decode("utf-8")
        return list(csv.reader(io.StringIO(text), strict=True))
    except (ValueError, csv.Error) as error:
        raise BenchError("E_FORMAT", "not a table of values per case", where=path, found=str(error)) from None


def _check(header: Sequence[str], lines: Sequence[Sequence[str]], path: Path, *, expected: int) -> None:
    """Refuse a table that is not one line a case with a number in every column; NaN: the truth was not measurable."""
    if tuple(header[:2]) != HEAD or len(set(header)) != len(header):
        raise _bad(path, f"columns {', '.join(HEAD)}, then one a metric", ",".join(header)[:80])
    names = [line[0] if line else "" for line in lines]
    if len(names) != expected or len(set(names)) != expected:
        raise _bad(path, f"{expected} cases, each once", f"{len(set(names))} in {len(names)} lines")
    for line in lines:
        if len(line) != len(header) or not CASE_ID.fullmatch(line[0]) or not all(map(_is_number, line[2:])):
            raise _bad(path, f"a case and {len(header) - 2} numbers a line", ",".join(line)[:80])


def _check_fit(
    codes: Sequence[str], values: Mapping[str, Sequence[float]], result: Mapping[str, Any], path: Path
) -> None:
    """Refuse a table of another record: with columns that are none of its metrics, other failures, other means."""
    if unknown := sorted(values.keys() - result["metrics"].keys()):
        raise _misfit(path, "metrics of the record", unknown[0][:80])
    failures = Counter(code for code in codes if code)
    if failures != Counter(result["cases"]["failures"]):
        raise _misfit(path, f"failures {result['cases']['failures']}", str(dict(failures))[:80])
    for name, numbers in values.items():
        mean = result["metrics"][name]["value"]
        if not _may_have_mean(numbers, mean):
            raise _misfit(path, f"values around the record's mean {name}, {mean}", "values that lie elsewhere")


def _may_have_mean(numbers: Sequence[float], mean: float | None) -> bool:
    """Whether the record's mean over patients lies between the least and the largest value, whatever the patients."""
    known = [number for number in numbers if not math.isnan(number)]
    if not known or mean is None:
        return not known and mean is None
    slack = ROUNDING * max(abs(number) for number in known)
    return min(known) - slack <= mean <= max(known) + slack


def _misfit(path: Path, expected: str, found: str) -> BenchError:
    fix = "score the run again under its phase, which writes the table"
    return BenchError(
        "E_RECORD", "values per case of another record", where=path, expected=expected, found=found, fix=fix
    )


def _bad(path: Path, expected: str, found: str) -> BenchError:
    return BenchError("E_FORMAT", "not a table of values per case", where=path, expected=expected, found=found)


def _is_number(text: str) -> bool:
    try:
        return text == "nan" or math.isfinite(float(text))
    except ValueError:
        return False
