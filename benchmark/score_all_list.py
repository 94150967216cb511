"""The submissions below a folder: what teams handed in, told apart from folders that hold records alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.submission_file import FILE_NAME, read_submission
from fundus2oct.metrics.errors import BenchError, BenchErrors

RECORD_NAMES = frozenset({FILE_NAME, "status.toml", "results"})
"""What filing records leaves; a folder with nothing else was not handed in."""


@dataclass(frozen=True)
class HandedIn:
    """A submission's folder: code or images, perhaps with a `submission.toml` that cannot be read.

    Attributes:
        folder: with `submission.toml`.
        name: ``team/method``; the folder's own name where its `submission.toml` is broken.
        team: slug; the same where it is broken.
        batch: whether it says that it takes several photographs at once.
        error: why it cannot be read.
    """

    folder: Path
    name: str
    team: str
    batch: bool = False
    error: BenchError | None = None


def find_submissions(root: Path, shard: Shard | None = None) -> list[HandedIn]:
    """Every submission below a folder, sorted by name; with ``shard``, those of its teams.

    A team falls to one share as a whole, so that its quota is counted by one worker.

    Raises:
        BenchError: E_MISSING when there is no such folder, E_EMPTY when nothing was handed in there, E_DUPLICATE when
            two folders say that they are the same entry.
    """
    if not root.is_dir():
        raise BenchError("E_MISSING", "no such folder of submissions", where=root)
    found = sorted((_read(folder) for folder in _folders(root)), key=lambda one: (one.name, str(one.folder)))
    if not found:
        raise BenchError("E_EMPTY", "no submission below this folder", where=root, expected=f"folders with {FILE_NAME}")
    _require_different(found, root)
    return [one for one in found if shard is None or shard.takes(one.team)]


def _folders(root: Path) -> list[Path]:
    """Folders with a `submission.toml` and something handed in; nothing is sought below them or behind links."""
    found = []
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if FILE_NAME not in names:
            continue
        handed_in = {name for name in [*folders, *names] if name not in RECORD_NAMES and not name.startswith(".")}
        if handed_in - {"__pycache__"}:
            found.append(Path(parent))
        folders.clear()
    return found


def _read(folder: Path) -> HandedIn:
    try:
        submission = read_submission(folder)
    except BenchError as error:
        return HandedIn(folder, folder.name, folder.name, error=error)
    return HandedIn(folder, submission.name, submission.team, submission.batch)


def _require_different(found: Sequence[HandedIn], root: Path) -> None:
    first: dict[str, HandedIn] = {}
    problems = []
    for one in found:
        if one.error is None and first.setdefault(one.name, one) is not one:
            what, other = f"two submissions are called {one.name}", str(first[one.name].folder)
            problems.append(BenchError("E_DUPLICATE", what, where=one.folder, found=other, fix="rename a method"))
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=root)
