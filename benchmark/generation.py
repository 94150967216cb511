"""Running a generator over a split: the expected cases, one at a time, each checked, recorded and never done twice."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generator_reference import GeneratorReference
from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.run_folder import RunFolder, case_seed, make_plan
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.worker_process import WorkerProcess, WorkerSetup


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a run, kept in its plan.

    Attributes:
        start_seconds: wall clock for importing the generator and loading its weights.
        case_seconds: wall clock for one case.
        threads: threads of numerical libraries in the worker.
    """

    start_seconds: float = 600.0
    case_seconds: float = 600.0
    threads: int = 2


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
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Generate the volume of every case of a split into a run's folder, resuming what an earlier call left.

    Args:
        reference: the generator.
        dataset: where the photographs are; no truth is needed.
        split: name of the split.
        folder: the run's folder.
        seed: of the run; each case gets its own from it.
        device: handed to the generator.
        limits: wall-clock and thread limits.

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_PLUGIN when the generator cannot be loaded; E_CHANGED when the folder belongs to another plan.
    """
    limits = limits or Limits()
    plan = make_plan(
        dataset=dataset,
        split=split,
        submission=reference.submission,
        generator={"target": reference.target, "hash": reference.content_hash, "device": device, "isolation": "none"},
        seed=seed,
        container="raw",
        limits=vars(limits),
        versions=package_versions(),
    )
    run = RunFolder(folder)
    with run.locked():
        run.begin(plan)
        setup = WorkerSetup(
            target=reference.target,
            folder=reference.folder,
            device=device,
            import_paths=reference.import_paths,
            python=reference.environment.python,
            **vars(limits),
        )
        _generate_unfinished(run, setup, dataset, plan)
        return run.finish()


def _generate_unfinished(run: RunFolder, setup: WorkerSetup, dataset: Dataset, plan: dict[str, Any]) -> None:
    """Ask a worker for the volume of every planned case that has no valid record yet."""
    unfinished = set(run.unfinished())
    todo = [case for case in dataset.split(plan["split"]) if case.case_id in unfinished]
    total = len(plan["cases"])
    name = f"generate {plan['submission']['team']}/{plan['submission']['method']}"
    with WorkerProcess(setup, run.log_path) as worker, progress(name, total, done=total - len(todo)) as advance:
        if todo:
            worker.start()
        for case in todo:
            started = time.monotonic()
            step("photograph handed over")
            answer = worker.generate(dataset.fundus(case), eye=case.eye, seed=case_seed(plan["seed"], case.case_id))
            seconds = time.monotonic() - started
            if answer.volume is None:
                run.store_failure(case.case_id, answer.code)
            else:
                run.store_volume(case.case_id, answer.volume)
            _note_time(run.path, case.case_id, seconds)
            advance(1)


def _note_time(folder: Path, case_id: str, seconds: float) -> None:
    with open(folder / "timing.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"case_id": case_id, "seconds": round(seconds, 4)}) + "\n")
