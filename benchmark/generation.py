"""Running a generator over a split: expected cases in a shuffled order, each checked, recorded, never done twice."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generator_reference import GeneratorReference
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.run_folder import RunFolder, SeedRule, make_plan
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.sandbox_watch import Peak
from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.shard_merge import shard_folder, shard_plan
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.timing_file import note_seconds, noted_seconds
from fundus2oct.benchmark.worker_process import Answer, Photograph, WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup
from fundus2oct.metrics.errors import BenchError

ORDER_STREAM = 0x6F72646572
"""Sets the order of the cases apart from every other use of the run's seed."""


@dataclass
class Observed:
    """What was seen of the workers while a run was generated; no part of the run.

    Attributes:
        start_seconds: of the first one, until its generator was loaded.
        peak: the most that one took.
        failed_batches: public codes of batches whose cases were then asked for one by one.
    """

    start_seconds: float = 0.0
    peak: Peak = field(default_factory=Peak)
    failed_batches: list[str] = field(default_factory=list)


def package_versions() -> dict[str, str]:
    """Versions of what decides a run's bytes: this package, Python and numpy."""
    return {
        "fundus2oct": metadata.version("fundus2oct"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def generate_run(
    reference: GeneratorReference,
    dataset: Dataset,
    split: str,
    folder: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    isolation: Isolation = "none",
    limits: Limits | None = None,
    fresh_process: bool = False,
    batch: int = 1,
    shard: Shard | None = None,
    seeds: SeedRule = "case",
    observed: Observed | None = None,
) -> dict[str, Any]:
    """Generate the volume of every case of a split into a run's folder, resuming what an earlier call left.

    Args:
        reference: the generator.
        dataset: where the photographs are; no truth is needed.
        split: name of the split.
        folder: the run's folder.
        seed: of the run; each case gets its own from it.
        device: handed to the generator.
        isolation: walls around the generator, from `sandbox.choose_isolation`: without them, it must be trusted.
        limits: how much of everything it may take.
        fresh_process: start a worker for each question instead of one for the run.
        batch: photographs handed over at once; more than one only to a submission that declares it.
        shard: generate this share alone, into a folder of its own below ``folder``; `shard_merge` puts them together.
        seeds: what the cases' seeds and their order follow from, besides the run's seed.
        observed: takes what is seen of the workers.

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_PLUGIN when the generator cannot be loaded; E_CHANGED when the folder belongs to another plan.
    """
    limits = limits or Limits()
    require_batch(reference, batch)
    ways: dict[str, Any] = {"device": device, "isolation": isolation, "fresh_process": fresh_process, "batch": batch}
    plan = _whole_plan(reference, dataset, split, ways, seed=seed, limits=limits, seeds=seeds)
    if shard is not None:
        folder, plan = shard_folder(folder, shard), shard_plan(plan, shard)
    setup = _worker_setup(reference, dataset, device=device, isolation=isolation, limits=limits)
    run = RunFolder(folder)
    with run.locked():
        run.begin(plan)
        _generate_unfinished(run, setup, dataset, plan, observed or Observed())
        return run.finish()


def _whole_plan(
    reference: GeneratorReference,
    dataset: Dataset,
    split: str,
    ways: dict[str, Any],
    *,
    seed: int,
    limits: Limits,
    seeds: SeedRule,
) -> dict[str, Any]:
    """The plan of a run before it is shared out; ``ways`` are those in which the generator is asked."""
    if seeds != "case":  # left out otherwise, so that runs which an earlier version began go on
        ways = ways | {"seeds": seeds}
    return make_plan(
        dataset=dataset,
        split=split,
        submission=reference.submission,
        generator={"target": reference.target, "hash": reference.content_hash, **ways},
        seed=seed,
        container="raw",
        limits=vars(limits),
        versions=package_versions(),
        seeds=seeds,
    )


def _worker_setup(
    reference: GeneratorReference, dataset: Dataset, *, device: str, isolation: Isolation, limits: Limits
) -> WorkerSetup:
    """What the workers of a run are started with; the dataset's folder stays hidden from them."""
    return WorkerSetup(
        target=reference.target,
        folder=reference.folder,
        device=device,
        import_paths=reference.import_paths,
        python=reference.environment.python,
        prefixes=reference.environment.prefixes,
        hidden=(dataset.folder,),
        isolation=isolation,
        limits=limits,
    )


def require_batch(reference: GeneratorReference, batch: int) -> None:
    """Refuse to hand several photographs at once to a generator that does not declare it.

    Raises:
        BenchError: E_MANIFEST.
    """
    if batch > 1 and not reference.submission.batch:
        raise BenchError(
            "E_MANIFEST",
            "the submission is not in the batch track",
            where=reference.submission.name,
            expected="batch = true in submission.toml and a method generate_batch()",
            fix="leave --batch out",
        )


def in_order(cases: Sequence[Case], plan: Mapping[str, Any]) -> list[Case]:
    """The cases in the order in which they are asked for.

    Shuffled by the run's seed, so that who knows neither this nor the table learns nothing from a place; where seeds
    follow from photographs, sorted by them, so that who knows both learns nothing either.
    """
    if plan["generator"].get("seeds") != "photograph":
        return shuffled(cases, plan["seed"])
    seeds = {case["case_id"]: case["seed"] for case in plan["cases"]}
    return sorted(
        (case for case in cases if case.case_id in seeds), key=lambda case: (seeds[case.case_id], case.case_id)
    )


def shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """The cases in an order that depends on their number and the run's seed alone."""
    order = np.random.default_rng([ORDER_STREAM, seed]).permutation(len(cases))
    return [cases[i] for i in order]


def _generate_unfinished(
    run: RunFolder, setup: WorkerSetup, dataset: Dataset, plan: dict[str, Any], observed: Observed
) -> None:
    """Ask a worker for the volume of every planned case that has no valid record yet."""
    unfinished = set(run.unfinished())
    todo = [case for case in in_order(dataset.split(plan["split"]), plan) if case.case_id in unfinished]
    seeds = {case["case_id"]: case["seed"] for case in plan["cases"]}
    total = len(plan["cases"])
    name = f"generate {plan['submission']['team']}/{plan['submission']['method']}"
    with WorkerProcess(setup, run.log_path) as worker, progress(name, total, done=total - len(todo)) as advance:
        if todo:
            started = time.monotonic()
            worker.start()
            observed.start_seconds = time.monotonic() - started
        for start in range(0, len(todo), plan["generator"]["batch"]):
            cases = todo[start : start + plan["generator"]["batch"]]
            step("photograph handed over")
            if seconds_used(run.path) < plan["limits"]["run_seconds"]:
                photographs = [Photograph(dataset.fundus(case), case.eye, seeds[case.case_id]) for case in cases]
                found = _ask(worker, photographs, plan["generator"], observed)
            else:
                found = [(Answer(None, "E_TIMEOUT"), 0.0)] * len(cases)
            for case, (answer, seconds) in zip(cases, found, strict=True):
                _store(run, case.case_id, answer)
                note_seconds(run.path, case.case_id, seconds)
                advance(1)
    observed.peak |= worker.peak


def _ask(
    worker: WorkerProcess, photographs: Sequence[Photograph], generator: Mapping[str, Any], observed: Observed
) -> list[tuple[Answer, float]]:
    """The answer to each photograph and its seconds; where a batch fails, each photograph is asked by itself."""

    def asked(group: Sequence[Photograph], *, together: bool) -> list[tuple[Answer, float]]:
        started = time.monotonic()
        answers = worker.generate_batch(group, together=together)
        seconds = (time.monotonic() - started) / len(group)
        if generator["fresh_process"]:
            worker.stop()
        return [(answer, seconds) for answer in answers]

    if generator["batch"] > 1:
        found = asked(photographs, together=True)
        if not found[0][0].code:
            return found
        observed.failed_batches.append(found[0][0].code)
    return [one for photograph in photographs for one in asked([photograph], together=False)]


def _store(run: RunFolder, case_id: str, answer: Answer) -> None:
    if answer.volume is None:
        run.store_failure(case_id, answer.code)
    else:
        run.store_volume(case_id, answer.volume)


def seconds_used(folder: Path) -> float:
    """Seconds that the cases of a run have taken so far, over all calls that worked on it."""
    return sum((seconds for _, seconds in noted_seconds(folder)), 0.0)
