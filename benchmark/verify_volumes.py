"""Generating some cases of a run again and holding the new volumes against the stored ones.

The case's seed comes from the run's seed and the case's id alone, so a few cases can be made without the others. Which
ones are drawn cannot be known before the record is filed and the organiser has named a nonce. Called by
`verify_command`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import GeneratorReference
from fundus2oct.benchmark.run_folder import CaseRecord, RunFolder, SeedRule
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import Volume, read_volume
from fundus2oct.benchmark.worker_setup import Isolation
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.errors import BenchError

Verdict = Literal["equal", "within_tolerance", "differing"]


@dataclass(frozen=True)
class Tolerance:
    """How far a volume made again may lie from the stored one, as the entry declared it before.

    Attributes:
        grey: largest absolute difference of a pixel, in grey levels.
        share: largest share of a volume's pixels that differ at all, 0..1.
    """

    grey: int = 0
    share: float = 0.0

    @classmethod
    def of(cls, submission: Submission) -> Tolerance:
        """What `submission.toml` declares; nothing declared is no tolerance."""
        return cls(submission.tolerance_grey, submission.tolerance_share)

    def within(self, other: Tolerance | None) -> Tolerance:
        """The stricter of two in both parts: a plan that was edited afterwards gains nothing."""
        return self if other is None else Tolerance(min(self.grey, other.grey), min(self.share, other.share))

    def allows(self, difference: VolumeDifference) -> bool:
        """Whether ``difference`` lies within it."""
        return difference.largest <= self.grey and difference.share <= self.share


@dataclass(frozen=True)
class VolumeDifference:
    """How two volumes differ.

    Attributes:
        largest: largest absolute difference, 0..255 grey levels.
        share: share of the pixels that differ, 0..1.
    """

    largest: int
    share: float


@dataclass(frozen=True, kw_only=True)
class CaseVerdict:
    """What became of one case made again; private, because it names the case."""

    case_id: str
    verdict: Verdict
    told: str = ""


def volume_difference(a: Volume, b: Volume) -> VolumeDifference:
    """How two volumes differ, each (6, 320, 448) uint8.

    >>> a = np.zeros((1, 1, 4), np.uint8)
    >>> volume_difference(a, a + np.array([0, 0, 0, 3], np.uint8))
    VolumeDifference(largest=3, share=0.25)
    """
    gaps = np.abs(a.astype(np.int16) - b.astype(np.int16))
    return VolumeDifference(int(gaps.max()), float(np.count_nonzero(gaps) / gaps.size))


def draw_seed(result_sha256: str, nonce: str) -> int:
    """The seed that draws the cases: fixed by the record and by a word that the organiser names after it was filed."""
    digest = hashlib.sha256(canonical_json(["fundus2oct-verify", result_sha256, nonce]).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def draw_cases(case_ids: Iterable[str], count: int, seed: int) -> list[str]:
    """``count`` of the cases, all when there are fewer; the same on every machine and in every version of Python.

    >>> draw_cases(["a", "b", "c"], 2, seed=1) == draw_cases(["c", "b", "a"], 2, seed=1)
    True
    """

    def place(case_id: str) -> str:
        return hashlib.sha256(canonical_json([seed, case_id]).encode()).hexdigest()

    return sorted(sorted(set(case_ids), key=place)[:count])


def regenerate(
    reference: GeneratorReference,
    dataset: Dataset,
    split: str,
    case_ids: Iterable[str],
    folder: Path,
    *,
    seed: int,
    device: str,
    isolation: Isolation,
    batch: int = 1,
    fresh_process: bool = False,
    limits: Limits | None = None,
    seeds: SeedRule = "case",
) -> RunFolder:
    """Generate some cases of a split into a run's folder of their own, with the seeds that they had.

    Args:
        reference: the generator.
        dataset: the photographs; no truth is needed.
        split: name of the split.
        case_ids: which of its cases.
        folder: of the new run.
        seed: of the run that is verified.
        device: handed to the generator.
        isolation: walls around the generator.
        batch: photographs that it was handed at once.
        fresh_process: whether it had a process for each question.
        limits: that it had.
        seeds: what its cases' seeds followed from.
    """
    chosen = set(case_ids)
    few = replace(dataset, cases=tuple(case for case in dataset.split(split) if case.case_id in chosen))
    generate_run(
        reference,
        few,
        split,
        folder,
        seed=seed,
        device=device,
        isolation=isolation,
        batch=batch,
        fresh_process=fresh_process,
        limits=limits,
        seeds=seeds,
    )
    return RunFolder(folder)


def compare_runs(stored: RunFolder, made: RunFolder, tolerance: Tolerance) -> list[CaseVerdict]:
    """The verdict on every case of ``made``.

    Raises:
        BenchError: E_CHANGED when a stored volume is not the one that was recorded.
    """
    return [_judge(case_id, stored, made, tolerance) for case_id in made.case_ids()]


def counts(verdicts: Iterable[CaseVerdict]) -> dict[str, int]:
    """How many cases were made again, and how they came out: what may be told in public."""
    found = [verdict.verdict for verdict in verdicts]
    names: tuple[Verdict, ...] = ("equal", "within_tolerance", "differing")
    return {"regenerated": len(found)} | {name: found.count(name) for name in names}


def _judge(case_id: str, stored: RunFolder, made: RunFolder, tolerance: Tolerance) -> CaseVerdict:
    old, new = _record(stored, case_id), _record(made, case_id)
    if (old.digest, old.code) == (new.digest, new.code):
        return CaseVerdict(case_id=case_id, verdict="equal")
    if not (old.ok and new.ok):
        told = f"{_outcome(old)} in the run, {_outcome(new)} now"
        return CaseVerdict(case_id=case_id, verdict="differing", told=told)
    difference = volume_difference(read_volume(stored.volume_path(case_id)), read_volume(made.volume_path(case_id)))
    told = f"by up to {difference.largest} grey levels in {difference.share:.3%} of the pixels"
    verdict: Verdict = "within_tolerance" if tolerance.allows(difference) else "differing"
    return CaseVerdict(case_id=case_id, verdict=verdict, told=told)


def _record(run: RunFolder, case_id: str) -> CaseRecord:
    record = run.record(case_id)
    if record is None:
        what = "a volume or its record is missing or altered"
        fix = "keep the run's folder as `bench generate` left it"
        raise BenchError("E_CHANGED", what, where=f"{run.path}, case {case_id}", fix=fix)
    return record


def _outcome(record: CaseRecord) -> str:
    return "a volume" if record.ok else f"failed with {record.code}"
