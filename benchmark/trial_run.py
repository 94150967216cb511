"""A rehearsal of what an organiser does with a submission: its sandbox, limits and scorer, on eight synthetic eyes.

The eyes, what the scorer computes of them, and two reference rows are made once and kept in the cache folder. Shown by
`try_command`; nothing of it is a result.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import Image

from fundus2oct.benchmark.archive_import import import_archive
from fundus2oct.benchmark.challenge_folder import picture_submission
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.generation import Observed, generate_run
from fundus2oct.benchmark.generator_reference import GeneratorReference, resolve
from fundus2oct.benchmark.measured_source import measure_source
from fundus2oct.benchmark.phantom.cohort import write_cohort
from fundus2oct.benchmark.phantom.cohort_plan import PHANTOM_VERSION
from fundus2oct.benchmark.picture_file import png_bytes
from fundus2oct.benchmark.progress import muted, progress_of, say
from fundus2oct.benchmark.result_file import Result
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.sandbox_watch import Peak
from fundus2oct.benchmark.timing_file import case_seconds
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.verify_volumes import Tolerance, compare_runs
from fundus2oct.benchmark.volume_source import VolumeSource, run_source
from fundus2oct.benchmark.worker_setup import Isolation
from fundus2oct.metrics.durable_file import write_json
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import cache_folder

PHASE = "trial"
SPLIT = "test"
REFERENCES = ("mean-volume", "random-train")
"""Rows shown beside: a blurred mean, which wins PSNR and SSIM, and real volumes of other eyes, which win FVD."""

REPEATED = 2
"""Cases that are generated again, with each other's photographs, and with photographs of other sizes."""

OTHER_SIZES = ((224, 224), (600, 800))
"""Height and width: the smallest that a dataset may hold, and one that is not square."""

Fit = Callable[[str, Path, Path], None]
"""(method, dataset's folder, generator's folder): fits a reference generator."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under what a rehearsal runs; an organiser states the same.

    Attributes:
        seed: of the run.
        device: handed to the generator.
        isolation: walls around it.
        limits: how much of everything it may take.
        batch: photographs handed over at once to a submission of the batch track, besides one by one; at most as many
            as there are.
    """

    seed: int = 0
    device: str = "cpu"
    isolation: Isolation = "none"
    limits: Limits = field(default_factory=Limits)
    batch: int = 1


@dataclass(frozen=True, kw_only=True)
class BatchTrial:
    """What became of photographs that were handed over together.

    Attributes:
        size: how many at once.
        codes: public codes of the batches that failed.
        equal: whether the volumes are those that were drawn one by one; None where a batch failed.
        seconds: a case.
    """

    size: int
    codes: Sequence[str]
    equal: bool | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a rehearsal found.

    Attributes:
        result: the record that scoring would file.
        summary: the content of `run.json`.
        seconds: of every case.
        repeats: whether the same seed gave the same volumes again; None where cases failed.
        uses_photograph: whether another photograph gave another volume; None where cases failed.
        start_seconds: until the generator was loaded.
        peak: the most that a worker took in any of the runs.
        sizes: size of another photograph -> public code, empty where a volume came out; None where cases failed.
        batch: None for a submission that is not in the batch track, and where cases failed.
    """

    result: Result
    summary: dict[str, Any]
    seconds: Sequence[float]
    repeats: bool | None
    uses_photograph: bool | None
    start_seconds: float
    peak: Peak
    sizes: dict[str, str] | None
    batch: BatchTrial | None

    @property
    def typical_seconds(self) -> float:
        """Median of the seconds a case; the first one often warms up."""
        return statistics.median(self.seconds)


def trial_folder() -> Path:
    """Where the eyes, the scorer's values and the reference rows are kept."""
    return cache_folder() / f"trial-{PHANTOM_VERSION}"


def trial_dataset() -> Dataset:
    """Eight synthetic eyes, four for training and four for testing, made at the first call and again if damaged."""
    folder = trial_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "data.lock"):
        data, noted = folder / "data", folder / "data.json"
        if noted.is_file() and not _as_noted(data, noted):
            _set_aside(data)
        if not (data / "dataset.toml").is_file():
            with progress_of("make synthetic eyes, once", unit="eye") as steps:
                write_cohort(data, profile="trial", on_progress=steps)
            write_json(noted, _content(data))
    return read_dataset(data)


def _content(data: Path) -> dict[str, list[str]]:
    """Split -> hashes of its photographs and of its truth."""
    dataset = read_dataset(data)
    return {split: [dataset.inputs_hash(split), dataset.truth_hash(split)] for split in ("train", SPLIT)}


def _as_noted(data: Path, noted: Path) -> bool:
    """Whether the eyes are those that were made."""
    try:
        return bool(json.loads(noted.read_text("utf-8")) == _content(data))
    except (OSError, ValueError, BenchError):
        return False


def _set_aside(folder: Path) -> None:
    """Rename a damaged folder to ``*.corrupt``, in the place of an earlier one."""
    aside = folder.with_name(f"{folder.name}.corrupt")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    say(f"damaged, set aside and made anew: {folder}")


def try_generator(target: str, scratch: Path, conditions: Conditions) -> Trial:
    """Generate, repeat and score as an organiser would.

    Args:
        target: the submission's folder, or another name of a generator.
        scratch: an empty folder for the runs; their private logs lie there.
        conditions: walls and limits.

    Raises:
        BenchError: E_PLUGIN when the generator cannot be loaded, and what `resolve` raises.
    """
    dataset, reference, seen = trial_dataset(), resolve(target), Observed()
    summary = _generate(reference, dataset, scratch / "run", conditions, seen)
    start_seconds = seen.start_seconds
    run = RunFolder(scratch / "run")
    repeats = uses_photograph = sizes = batch = None
    if not summary["failures"]:
        few = replace(dataset, cases=dataset.split(SPLIT)[:REPEATED])  # their seeds stay what they were
        _generate(reference, few, scratch / "again", conditions, seen)
        repeats = _same(run, RunFolder(scratch / "again"), reference)
        swapped = _with_swapped_photographs(few)
        other = _generate(reference, swapped, scratch / "swapped", conditions, seen)["cases"]
        uses_photograph = any(summary["cases"][name]["digest"] != case["digest"] for name, case in other.items())
        resized = _with_other_sizes(few, scratch / "photographs")
        found = _generate(reference, resized, scratch / "sizes", conditions, seen)["cases"]
        names = [f"{height} x {width}" for height, width in OTHER_SIZES]
        sizes = {name: found[case.case_id]["code"] or "" for name, case in zip(names, resized.cases, strict=True)}
        if reference.submission.batch:
            batch = _try_batch(reference, dataset, run, scratch / "together", conditions, seen)
    return Trial(
        result=score_trial(run_source(run, dataset, SPLIT), dataset),
        summary=summary,
        seconds=list(case_seconds(run.path).values()),
        repeats=repeats,
        uses_photograph=uses_photograph,
        start_seconds=start_seconds,
        peak=seen.peak,
        sizes=sizes,
        batch=batch,
    )


def _try_batch(
    reference: GeneratorReference,
    dataset: Dataset,
    run: RunFolder,
    folder: Path,
    conditions: Conditions,
    seen: Observed,
) -> BatchTrial:
    """Hand several photographs over at once, as an organiser with `--batch` would."""
    size = min(conditions.batch, len(dataset.split(SPLIT)))
    _generate(reference, dataset, folder, conditions, seen, batch=size)
    failed = seen.failed_batches
    equal = None if failed else _same(run, RunFolder(folder), reference)
    return BatchTrial(
        size=size, codes=tuple(failed), equal=equal, seconds=statistics.median(case_seconds(folder).values())
    )


def _same(run: RunFolder, other: RunFolder, reference: GeneratorReference) -> bool:
    """Whether the volumes of ``other`` are those of ``run``, within what the submission declares."""
    verdicts = compare_runs(run, other, Tolerance.of(reference.submission))
    return all(verdict.verdict != "differing" for verdict in verdicts)


def try_pictures(source: Path, dataset: Dataset, split: str, scratch: Path) -> tuple[Result, dict[str, Any]]:
    """The record that scoring pictures would file, and the content of `run.json`.

    Args:
        source: a zip or a folder in the challenge's layout.
        dataset: with the truth of the split.
        split: that the pictures were drawn for.
        scratch: an empty folder.
    """
    submission = picture_submission(source, team="local", method="pictures")
    summary = import_archive(source, dataset, split, scratch / "run", submission)
    return score_trial(run_source(RunFolder(scratch / "run"), dataset, split), dataset, split), summary


def score_trial(source: VolumeSource, dataset: Dataset, split: str = SPLIT) -> Result:
    """The record that scoring would file, with values kept in the rehearsal's own cache."""
    cache = ValueCache(trial_folder() / "values")
    return measure_source(source, dataset, split, phase=PHASE, cache=cache).result


def reference_rows(fit: Fit, conditions: Conditions) -> dict[str, dict[str, Any]]:
    """Method -> its metrics on the same eyes; fitted, run and scored at the first call."""
    with muted():
        return {method: _reference_row(method, fit, conditions) for method in REFERENCES}


def _reference_row(method: str, fit: Fit, conditions: Conditions) -> dict[str, Any]:
    folder, dataset = trial_folder() / "reference" / method, trial_dataset()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if (folder / "run" / "run.json").is_file() and not _is_intact(RunFolder(folder / "run")):
            _set_aside(folder)
        if not (folder / "run" / "run.json").is_file():
            say(f"make the reference row {method}, once")
            fit(method, dataset.folder, folder / "generator")
            _generate(resolve(str(folder / "generator")), dataset, folder / "run", conditions)
        source = run_source(RunFolder(folder / "run"), dataset, SPLIT)
        metrics: dict[str, Any] = score_trial(source, dataset)["metrics"]
    return metrics


def _is_intact(run: RunFolder) -> bool:
    """Whether every file of a finished run is as it was written."""
    try:
        return not run.unfinished() and bool(run.summary())
    except BenchError:
        return False


def _generate(
    reference: GeneratorReference,
    dataset: Dataset,
    folder: Path,
    conditions: Conditions,
    observed: Observed | None = None,
    *,
    batch: int = 1,
) -> dict[str, Any]:
    return generate_run(
        reference,
        dataset,
        SPLIT,
        folder,
        seed=conditions.seed,
        device=conditions.device,
        isolation=conditions.isolation,
        limits=conditions.limits,
        batch=batch,
        observed=observed,
    )


def _with_swapped_photographs(dataset: Dataset) -> Dataset:
    """The same cases, each with the next one's photograph."""
    cases = dataset.cases
    fundi = [case.fundus for case in (*cases[1:], cases[0])]
    return replace(
        dataset, cases=tuple(replace(case, fundus=fundus) for case, fundus in zip(cases, fundi, strict=True))
    )


def _with_other_sizes(dataset: Dataset, folder: Path) -> Dataset:
    """The same cases with their photographs enlarged or reduced to `OTHER_SIZES`."""
    folder.mkdir()
    for case, (height, width) in zip(dataset.cases, OTHER_SIZES, strict=True):
        picture = Image.fromarray(dataset.fundus(case)).resize((width, height))
        (folder / f"{case.case_id}.png").write_bytes(png_bytes(np.asarray(picture)))
    cases = tuple(replace(case, fundus=f"{case.case_id}.png") for case in dataset.cases)
    return replace(dataset, folder=folder, cases=cases)
