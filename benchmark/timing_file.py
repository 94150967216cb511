"""Seconds a volume, beside a record: two runs of one generator differ in them, so they cannot stand in the record.

Measured by the harness around each question to the worker; the pipe and the check of the answer are in it, loading the
generator is not. Aggregates alone: nothing per case.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import write_json
from fundus2oct.metrics.errors import BenchError

if TYPE_CHECKING:
    from fundus2oct.benchmark.run_folder import RunFolder

TIMING_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.timing\.json")
FILE = SchemaFile("timing", 1, 2**12)

Timing = dict[str, Any]


def case_seconds(folder: Path) -> dict[str, float]:
    """Case -> seconds of its last answer, from a run's `timing.jsonl`; empty for pictures that were handed in."""
    return dict(noted_seconds(folder))


def noted_seconds(folder: Path) -> list[tuple[str, float]]:
    """(case, seconds) of every answer of a run; damaged lines are left out, no result rests on them."""
    path = folder / "timing.jsonl"
    lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
    return [found for line in lines if (found := _noted(line)) is not None]


def note_seconds(folder: Path, case_id: str, seconds: float) -> None:
    """Add the seconds of one answer.

    Raises:
        BenchError: E_DISK.
    """
    path = folder / "timing.jsonl"
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"case_id": case_id, "seconds": round(seconds, 4)}) + "\n")
    except OSError as error:
        raise BenchError("E_DISK", f"cannot write: {error.strerror}", where=path, fix="check the disk") from None


def _noted(line: str) -> tuple[str, float] | None:
    try:
        entry = json.loads(line)
        case_id, seconds = str(entry["case_id"]), float(entry["seconds"])
    except (ValueError, KeyError, TypeError):
        return None
    return (case_id, seconds) if math.isfinite(seconds) and seconds >= 0 else None


def run_timing(run: RunFolder) -> Timing | None:
    """What a finished run took; None where nothing was measured."""
    plan, seconds = run.plan(), list(case_seconds(run.path).values())
    if not seconds or "threads" not in plan["limits"]:
        return None
    return {
        "schema": "fundus2oct-timing",
        "schema_version": 1,
        "device": plan["generator"]["device"],
        "threads": plan["limits"]["threads"],
        "cases": len(seconds),
        "median_seconds": round(statistics.median(seconds), 4),
        "slowest_seconds": round(max(seconds), 4),
    }


def file_timing(record: Path, timing: Timing) -> None:
    """Write a timing beside the record that it belongs to, unless one is there."""
    path = timing_path(record)
    if not path.exists():
        write_json(path, FILE.check(timing, where=path))


def read_timing(record: Path) -> Timing | None:
    """The timing beside a record, if there is one; raises what `SchemaFile.read` does."""
    path = timing_path(record)
    return FILE.read(path) if path.exists() else None


def timing_path(record: Path) -> Path:
    """Where the timing of a record lies."""
    return record.with_name(f"{record.stem}.timing.json")
