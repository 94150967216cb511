"""Running a generator over a split: expected cases in a shuffled order, each checked, recorded, never done twice."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generator_reference import GeneratorReference
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.run_folder import RunFolder, case_seed, make_plan
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.shard_merge import shard_folder, shard_plan
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.worker_process import Answer, Photograph, WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup
from fundus2oct.metrics.errors import BenchError

ORDER_STREAM = 0x6F72646572
"""Sets the order of the cases apart from every other use of the run's seed."""


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

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_PLUGIN when the generator cannot be loaded; E_CHANGED when the folder belongs to another plan.
    """
    limits = limits or Limits()
    require_batch(reference, batch)
    ways = {"device": device, "isolation": isolation, "fresh_process": fresh_process, "batch": batch}
    plan = make_plan(
        dataset=dataset,
        split=split,
        submission=reference.submission,
        generator={"target": reference.target, "hash": reference.content_hash, **ways},
        seed=seed,
        container="raw",
        limits=vars(limits),
        versions=package_versions(),
    )
    if shard is not None:
        folder, plan = shard_folder(folder, shard), shard_plan(plan, shard)
    setup = _worker_setup(reference, dataset, device=device, isolation=isolation, limits=limits)
    run = RunFolder(folder)
    with run.locked():
        run.begin(plan)
        _generate_unfinished(run, setup, dataset, plan)
        return run.finish()


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


def shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """The cases in an order that depends on the run's seed alone: a place in it tells nothing about a case."""
    order = np.random.default_rng([ORDER_STREAM, seed]).permutation(len(cases))
    return [cases[i] for i in order]


def _generate_unfinished(run: RunFolder, setup: WorkerSetup, dataset: Dataset, plan: dict[str, Any]) -> None:
    """Ask a worker for the volume of every planned case that has no valid record yet."""
    unfinished = set(run.unfinished())
    todo = [case for case in shuffled(dataset.split(plan["split"]), plan["seed"]) if case.case_id in unfinished]
    total = len(plan["cases"])
    name = f"generate {plan['submission']['team']}/{plan['submission']['method']}"
    with WorkerProcess(setup, run.log_path) as worker, progress(name, total, done=total - len(todo)) as advance:
        if todo:
            worker.start()
        for start in range(0, len(todo), plan["generator"]["batch"]):
            cases = todo[start : start + plan["generator"]["batch"]]
            step("photograph handed over")
            if seconds_used(run.path) < plan["limits"]["run_seconds"]:
                found = _ask(worker, [_photograph(dataset, case, plan["seed"]) for case in cases], plan["generator"])
            else:
                found = [(Answer(None, "E_TIMEOUT"), 0.0)] * len(cases)
            for case, (answer, seconds) in zip(cases, found, strict=True):
                _store(run, case.case_id, answer)
                _note_time(run.path, case.case_id, seconds)
                advance(1)


def _photograph(dataset: Dataset, case: Case, seed: int) -> Photograph:
    return Photograph(dataset.fundus(case), case.eye, case_seed(seed, case.case_id))


def _ask(
    worker: WorkerProcess, photographs: Sequence[Photograph], generator: Mapping[str, Any]
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
    return [one for photograph in photographs for one in asked([photograph], together=False)]


def _store(run: RunFolder, case_id: str, answer: Answer) -> None:
    if answer.volume is None:
        run.store_failure(case_id, answer.code)
    else:
        run.store_volume(case_id, answer.volume)


def seconds_used(folder: Path) -> float:
    """Seconds that the cases of a run have taken so far, over all calls that worked on it."""
    path = folder / "timing.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return float(sum(json.loads(line)["seconds"] for line in lines))


def _note_time(folder: Path, case_id: str, seconds: float) -> None:
    with open(folder / "timing.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"case_id": case_id, "seconds": round(seconds, 4)}) + "\n")
