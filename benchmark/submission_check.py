"""Every static problem of a submission at once: `submission.toml`, code, weights, files, environment, pictures.

Nothing of the submission is imported, run or unpickled. A problem stops a submission; advice does not. Called by
`check_command` and `try_command`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.archive_import import opened_pictures
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.challenge_folder import is_picture_folder
from fundus2oct.benchmark.checkpoint_file import checkpoint_problems
from fundus2oct.benchmark.plugin_environment import environment_problems
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.source_check import source_advice, source_problems
from fundus2oct.benchmark.submission_file import FILE_NAME, Submission, read_submission
from fundus2oct.benchmark.submission_tree import tree_advice, tree_problems
from fundus2oct.metrics.errors import BenchError, BenchErrors


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found.

    Attributes:
        kind: code or images.
        submission: None where there is no readable `submission.toml`.
        problems: what must be mended.
        advice: what had better be mended.
    """

    kind: str
    submission: Submission | None
    problems: tuple[BenchError, ...]
    advice: tuple[BenchError, ...] = ()

    def raise_problems(self, where: Path) -> None:
        """Raise every problem at once; do nothing when there is none."""
        if self.problems:
            raise BenchErrors(list(self.problems), where=where)


def check_submission(path: Path, cases: Sequence[Case] | None = None) -> Report:
    """Check a submission's folder, a folder of pictures, or a challenge archive.

    Args:
        path: the folder or the zip.
        cases: what pictures are expected for; None checks their layout alone.

    Raises:
        BenchError: E_MISSING when there is nothing at ``path``.
    """
    if not path.exists():
        raise BenchError("E_MISSING", "nothing to check", where=path, expected="a folder or a zip archive")
    if path.is_dir() and not _hands_in_pictures(path):
        return _check_code(path)
    return _check_pictures(path, cases)


def _hands_in_pictures(folder: Path) -> bool:
    try:
        return is_picture_folder(folder)
    except BenchError:  # a `submission.toml` that cannot be read is told on with everything else
        return False


def _check_code(folder: Path) -> Report:
    submission, problems = _manifest(folder)
    problems += tree_problems(folder, submission)
    if submission is None:
        return Report(kind="code", submission=None, problems=tuple(problems))
    problems += checkpoint_problems(submission, folder)
    problems += source_problems(submission, folder)
    problems += environment_problems(submission, folder)
    advice = [*_manifest_advice(submission, folder), *source_advice(folder), *tree_advice(folder)]
    return Report(kind="code", submission=submission, problems=_once(problems), advice=tuple(advice))


def _check_pictures(path: Path, cases: Sequence[Case] | None) -> Report:
    submission: Submission | None = None
    problems: list[BenchError] = []
    advice: list[BenchError] = []
    if path.is_dir() and (path / FILE_NAME).exists():
        submission, problems = _manifest(path)
        advice = [] if submission is None else list(_manifest_advice(submission, path))
    problems += _told(lambda: list(_picture_problems(path, cases)))
    return Report(kind="images", submission=submission, problems=_once(problems), advice=tuple(advice))


def _picture_problems(path: Path, cases: Sequence[Case] | None) -> Iterator[BenchError]:
    """Every eye whose pictures do not make a volume; with ``cases``, every missing one too."""
    wanted = None if cases is None else {case.source_id for case in cases}
    with opened_pictures(path, wanted) as pictures:
        names = sorted(pictures.index.bscans if wanted is None else wanted)
        with progress("check pictures", len(names)) as advance:
            for name in names:
                try:
                    pictures.volume(name)
                except BenchError as error:
                    yield error
                advance(1)


def _manifest(folder: Path) -> tuple[Submission | None, list[BenchError]]:
    """The submission, if it can be read, and what is wrong with its file; stricter than running it is."""
    try:
        submission = read_submission(folder)
    except BenchErrors as errors:
        return None, errors.problems
    except BenchError as error:
        return None, [error]
    return submission, list(_honesty_problems(submission, folder / FILE_NAME))


def _honesty_problems(submission: Submission, path: Path) -> Iterator[BenchError]:
    """What a reader of the board has a right to know, and running does not need."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        canonicalize_license_expression(submission.licence)
    except InvalidLicenseExpression as error:
        expected = "an SPDX expression, such as Apache-2.0, CC-BY-4.0 or LicenseRef-Proprietary"
        found = submission.licence or "nothing"
        yield BenchError("E_MANIFEST", f"key 'licence': {error}", where=path, expected=expected, found=found)
    document: dict[str, Any] = tomllib.loads(picture_file.read_bytes(path).decode("utf-8"))
    if "external_data" not in document:
        fix = 'write external_data = "", or what else it was trained on'
        yield BenchError("E_MANIFEST", "key 'external_data' is missing", where=path, fix=fix)


def _manifest_advice(submission: Submission, folder: Path) -> Iterator[BenchError]:
    path = folder / FILE_NAME
    for key, fix in (
        ("description", "a paragraph for readers of the board"),
        ("compute", "what it was trained on and for how long"),
        ("links", "the address of a paper or of code"),
    ):
        if not getattr(submission, key):
            yield BenchError("E_MANIFEST", f"key {key!r} is empty", where=path, fix=f"add {fix}")


def _told(work: Callable[[], list[BenchError]]) -> list[BenchError]:
    """What ``work`` finds, and every error that it raises."""
    try:
        return work()
    except BenchErrors as errors:
        return errors.problems
    except BenchError as error:
        return [error]


def _once(problems: Sequence[BenchError]) -> tuple[BenchError, ...]:
    """The same line is said once."""
    return tuple({problem.line(): problem for problem in problems}.values())
