"""What walls cost: seconds a case and seconds a start behind each kind, beside a process without walls.

A generator that does nothing but return a volume, so that all of the time is the harness's. The kinds take turns, case
by case; medians, and the difference to `none`. Prints a table and asserts nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fundus2oct.benchmark import sandbox
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup

CASES = 60
STARTS = 8
FUNDUS = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
GENERATOR = """
import numpy as np

class Ready:
    volume = np.random.default_rng(0).integers(0, 256, (6, 320, 448), np.uint8)

    def generate(self, fundus, *, eye, seed):
        return self.volume

def make_generator(*, device, folder):
    return Ready()
"""


def main() -> None:
    """Print a line for each kind of walls that starts here."""
    kinds: list[Isolation] = ["none"]
    for kind in sandbox.STRONGEST_FIRST:
        reason = sandbox.why_not(kind)
        if reason:
            print(f"{kind}: does not start here: {reason}")
        else:
            kinds.append(kind)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "generator")
        folder.mkdir()
        (folder / "generator.py").write_text(GENERATOR, encoding="utf-8")
        cases, fresh = measure_cases(kinds, folder), measure_fresh(kinds, folder)
    print(f"photograph {FUNDUS.shape}; one worker: median of {CASES} cases; a worker a case: median of {STARTS}")
    print(f"{'walls':<12} {'one worker':>12} {'over none':>12} {'a worker a case':>18} {'over none':>12}")
    for kind in kinds:
        case, start = statistics.median(cases[kind]), statistics.median(fresh[kind])
        over = [value - statistics.median(times["none"]) for value, times in ((case, cases), (start, fresh))]
        print(f"{kind:<12} {case * 1e3:9.1f} ms {over[0] * 1e3:9.1f} ms {start * 1e3:15.1f} ms {over[1] * 1e3:9.1f} ms")


def worker_of(kind: Isolation, folder: Path) -> WorkerProcess:
    """A worker behind walls; its log lies beside the generator's folder."""
    setup = WorkerSetup(target="generator:make_generator", folder=folder, import_paths=(str(folder),), isolation=kind)
    return WorkerProcess(setup, folder.parent / f"{kind}.log")


def measure_cases(kinds: list[Isolation], folder: Path) -> dict[Isolation, list[float]]:
    """Seconds of each case in a worker that stays."""
    found: dict[Isolation, list[float]] = {kind: [] for kind in kinds}
    with ExitStack() as stack:
        workers = {kind: stack.enter_context(worker_of(kind, folder)) for kind in kinds}
        for seed in range(CASES + 1):
            for kind, worker in workers.items():
                seconds = timed(worker, seed)
                if seed:  # the first starts the worker
                    found[kind].append(seconds)
    return found


def measure_fresh(kinds: list[Isolation], folder: Path) -> dict[Isolation, list[float]]:
    """Seconds of a case with the start and the end of a worker of its own."""
    found: dict[Isolation, list[float]] = {kind: [] for kind in kinds}
    for seed in range(STARTS):
        for kind in kinds:
            worker = worker_of(kind, folder)
            started = time.perf_counter()
            timed(worker, seed)
            worker.stop()
            found[kind].append(time.perf_counter() - started)
    return found


def timed(worker: WorkerProcess, seed: int) -> float:
    """Seconds of one case, which must succeed."""
    started = time.perf_counter()
    answer = worker.generate(FUNDUS, eye="R", seed=seed)
    seconds = time.perf_counter() - started
    if answer.volume is None:
        raise SystemExit(f"{answer.code}: {answer.message}")
    return seconds


if __name__ == "__main__":
    main()
