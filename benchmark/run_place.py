"""Where a run lies when nobody names a folder: below the folder of runs, under its team, method, dataset and split.

Team and method are joined by a full stop, which no slug holds, so that two teams' methods of one name have a folder
each.
"""

from __future__ import annotations

from pathlib import Path

from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.run_folder import PLAN_SCHEMA, read_record
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.errors import BenchError


def run_place(runs: Path, submission: Submission, rest: str) -> Path:
    """The folder of a run: where an earlier version put it if it is there, else its own.

    Args:
        runs: folder of runs.
        submission: whose run it is.
        rest: what else tells it from others, such as ``phantom-mini-test-s0``.
    """
    place = runs / f"{submission.team}.{submission.method}-{rest}"
    if place.exists():
        return place
    for name in (submission.method, f"{submission.team}-{submission.method}"):  # as they were called before
        earlier = runs / f"{name}-{rest}"
        if _is_run_of(earlier, submission):
            say(f"an earlier version made this run; it is used where it lies: {earlier}")
            return earlier
    return place


def _is_run_of(folder: Path, submission: Submission) -> bool:
    """Whether a folder is a run, or holds shards of one, of this team and method."""
    for plan in (folder / "plan.json", *sorted(folder.glob("shards/*/plan.json"))):
        try:
            planned = read_record(plan, PLAN_SCHEMA)["submission"]
        except BenchError:
            continue
        return (planned["team"], planned["method"]) == (submission.team, submission.method)
    return False
