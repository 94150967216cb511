"""Seconds a volume, beside a record: two runs of one generator differ in them, so they cannot stand in the record.

Measured by the harness around each question to the worker; the pipe and the check of the answer are in it, loading the
generator is not. Aggregates alone: nothing per case.
"""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import write_json

if TYPE_CHECKING:
    from fundus2oct.benchmark.run_folder import RunFolder

TIMING_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.timing\.json")
FILE = SchemaFile("timing", 1, 2**12)

Timing = dict[str, Any]


def case_seconds(folder: Path) -> dict[str, float]:
    """Case -> seconds of its last answer, from a run's `timing.jsonl`; empty for pictures that were handed in."""
    path = folder / "timing.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {entry["case_id"]: entry["seconds"] for entry in map(json.loads, lines)}


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
