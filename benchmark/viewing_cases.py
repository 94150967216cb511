"""Best, median and worst case of an entry by SSIM, where values per case may be told. Called by `bench pictures`.

They come from `<record>.per_case.csv` where the phase discloses it. A record without a phase's rules forbids nothing,
so that there the organiser's own `per_case.csv` may be read; a phase that discloses none gets none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.disclosure import Disclosure
from fundus2oct.benchmark.result_file import read_result
from fundus2oct.metrics.errors import BenchError

METRIC = "ssim"
"""Best and worst by the structure, B-scan by B-scan; higher is better."""

DIGITS = 4
"""After the point, of a value that is told: the board shows no more."""


@dataclass(frozen=True, kw_only=True)
class PickedCases:
    """Values per case of one entry, failed cases left out.

    Attributes:
        version: of the metric.
        values: case id -> value; not empty.
    """

    version: str
    values: Mapping[str, float]

    def picked(self) -> dict[str, str]:
        """Case ids of the worst, the middle and the best value; of equal values the first by case id."""
        order = sorted(self.values, key=lambda case_id: (self.values[case_id], case_id))
        return {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}

    def among(self, case_ids: Iterable[str]) -> PickedCases | None:
        """The values of these cases alone; None where none of them has one."""
        values = {case_id: self.values[case_id] for case_id in case_ids if case_id in self.values}
        return replace(self, values=values) if values else None

    def told(self) -> list[Any]:
        """What of it decides the pictures."""
        return [self.version, sorted(self.values.items())]

    def public(self, eyes: Mapping[str, str]) -> dict[str, Any]:
        """Its part of `pictures.json`.

        Args:
            eyes: case id -> neutral name of every shown eye.
        """
        told = {
            which: {"eye": eyes[case_id], "value": self.values[case_id]} for which, case_id in self.picked().items()
        }
        return {"metric": METRIC, "version": self.version, "n": len(self.values), **told}


def picked_cases(record: Path, result: Mapping[str, Any], private: Path | None) -> PickedCases | None:
    """The values per case of one record, or None where they may not be told or are not at hand.

    Args:
        record: its file.
        result: its content.
        private: the organiser's folder of scores; None reads only what is public.

    Raises:
        BenchError: E_FORMAT or E_COLUMN for a table that cannot be read.
    """
    rule = Disclosure.of(result)
    if rule is not None:
        path = record.with_name(f"{record.stem}.per_case.csv")
        return _read(path, result) if rule.per_case and path.exists() else None
    table = _private_table(result, private) if private is not None else None
    return None if table is None else _read(table, result)


def _private_table(result: Mapping[str, Any], private: Path) -> Path | None:
    """The organiser's table, if it was scored from the volumes of the record."""
    entry, dataset = result["entry"], result["dataset"]
    place = f"{entry['team']}/{entry['method']}/{dataset['name']}-{dataset['version']}/{result['phase']}"
    folder = private / place
    if not (folder / "per_case.csv").is_file() or not (folder / "result.json").is_file():
        return None
    same = read_result(folder / "result.json")["run"]["volumes_hash"] == result["run"]["volumes_hash"]
    return folder / "per_case.csv" if same else None


def _read(path: Path, result: Mapping[str, Any]) -> PickedCases | None:
    rows = list(csv.DictReader(io.StringIO(picture_file.read_bytes(path).decode("utf-8"))))
    if not rows or not {"case_id", "code", METRIC} <= rows[0].keys():
        raise BenchError("E_COLUMN", "no table of values per case", where=path, expected=f"case_id,code,{METRIC}")
    try:
        values = {row["case_id"]: round(float(row[METRIC]), DIGITS) for row in rows if not row["code"]}
    except (TypeError, ValueError) as error:
        raise BenchError("E_FORMAT", "not a number", where=path, found=str(error)) from None
    version = result["metrics"].get(METRIC, {}).get("version", "")
    return PickedCases(version=version, values=values) if values and version else None
