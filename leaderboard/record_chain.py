"""Whether the history of an entry is whole: no record was taken away, and whatever one replaces is there.

Called by `leaderboard.results_tree`. Records of the same number, from two organisers' branches, are no problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fundus2oct.benchmark.result_file import Result
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError

FIX = "records are append-only: put the removed file back from the history of the repository"


def chain_problems(records: Mapping[Path, Result], folder: Path) -> Iterator[BenchError]:
    """What is missing from the records of one phase folder.

    Args:
        records: path -> content, of every record in ``folder``.
        folder: named in errors.
    """
    numbers = {int(path.name.split("-")[0]) for path in records}
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - numbers)
    if missing:
        what, found = "a record was removed", f"none with number {missing[0]:04d}"
        yield BenchError("E_RECORD", what, where=folder, expected="numbers without a gap", found=found, fix=FIX)
    digests = {path.stem: sha256_file(path) for path in records}
    for path, record in records.items():
        replaced = record.get("supersedes")
        if replaced and digests.get(replaced["record"]) != replaced["sha256"]:
            what, expected = "the record that it replaces is not there as it was", replaced["record"]
            yield BenchError("E_RECORD", what, where=path, expected=expected, fix=FIX)
