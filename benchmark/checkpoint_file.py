"""Weights that a submission names in `submission.toml`: whether each is there, whole, and the file that was meant.

Nothing is loaded here: a checkpoint may run code when it is read, so that happens in the worker alone.
"""

from __future__ import annotations

from pathlib import Path

from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PICKLED_SUFFIXES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".bin")
"""Files of these names are mostly pickles, which run code when they are loaded."""


def checkpoint_problems(submission: Submission, folder: Path) -> list[BenchError]:
    """What is wrong with the weights that a submission names: one error a file, none when all is well."""
    problems = (_problem(folder / path, digest) for path, digest in sorted(submission.weights.items()))
    return [problem for problem in problems if problem is not None]


def require_checkpoints(submission: Submission, folder: Path) -> None:
    """Raise what `checkpoint_problems` finds, as one error or several."""
    problems = checkpoint_problems(submission, folder)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=folder)


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is the pointer that Git LFS puts in the place of a large file."""
    with open(path, "rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def _problem(path: Path, digest: str) -> BenchError | None:
    if not path.is_file():
        fix = "add the file, or take it out of the table weights"
        return BenchError("E_CHECKPOINT", "weights are missing", where=path, fix=fix)
    if is_lfs_pointer(path):
        fix = "run `git lfs pull` there"
        return BenchError("E_CHECKPOINT", "a Git LFS pointer, not the weights", where=path, fix=fix)
    found = sha256_file(path)
    if found != digest:
        fix = "put the right file there, or its sha256 into submission.toml"
        return BenchError(
            "E_CHECKPOINT", "weights differ from their sha256", where=path, expected=digest, found=found, fix=fix
        )
    return None
