"""What sharing out costs: two workers against one on generate and on score, and a merge of a million volumes.

Run it by hand; it takes minutes, and an idle machine for its wall times::

    .venv/bin/python tests/bench/measure_scale.py workers [--cases 24] [--case-seconds 0.5] [--networks]
    .venv/bin/python tests/bench/measure_scale.py merge [--volumes 1000000] [--features 400]

Efficiency is the time of one worker over twice that of two. One worker has one core and two have two, because a scorer
whose networks run on two threads would otherwise take both cores alone. Of processor time it needs no idle machine, and
holds what the harness itself costs twice (starting, importing, planning); of wall time it also holds the waits.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

import numpy as np
from plugin_folders import SPECKLE, write_plugin
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.feature_ledger import FeatureLedger
from fundus2oct.metrics.feature_merge import merge_statistics
from fundus2oct.metrics.frechet_distance import FeatureStatistics, distance_of, feature_statistics

SHARD = 1000
"""Volumes a shard."""

Call = Sequence[str | Path]


def seconds_of(calls: Sequence[Call], *, cores: int | None = None) -> tuple[float, float]:
    """Wall and processor seconds of `bench` commands that run at once, on so many cores; None takes all."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    commands = [[sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", *map(str, call)] for call in calls]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with _on_cores(cores):
        processes = [subprocess.Popen(c, env=environment, stdout=subprocess.DEVNULL) for c in commands]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a command ended with {codes}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextlib.contextmanager
def _on_cores(number: int | None) -> Iterator[None]:
    """Processes that are started meanwhile run on the first so many cores alone."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def compare(
    name: str, one: Callable[[int], Sequence[Call]], two: Callable[[int], Sequence[Call]], repeats: int
) -> None:
    """Time one worker and two, each several times in turn, and say both efficiencies of the quickest."""
    ones, twos = [], []
    for repeat in range(repeats):
        ones.append(seconds_of(one(repeat), cores=1))
        twos.append(seconds_of(two(repeat), cores=2))
    (wall_1, cpu_1), (wall_2, cpu_2) = min(ones), min(twos)
    print(
        f"{name}: one worker {wall_1:.1f} s, two {wall_2:.1f} s: efficiency {wall_1 / (2 * wall_2):.2f} of wall time, "
        f"{cpu_1 / cpu_2:.2f} of processor time; quickest of {repeats} in turn, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def measure_workers(cases: int, case_seconds: float, repeats: int, *, networks: bool) -> None:
    """Two shards of one run, and two submissions at once, against one after the other."""
    if not networks:
        os.environ["BENCH_CACHE"] = os.devnull  # no weights are installed there
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = write_toy_dataset(place / "data", n_train=3, n_test=cases).folder
        work = f"end = time.process_time() + {case_seconds}\nwhile time.process_time() < end: pass\n{SPECKLE}"
        busy = write_plugin(place / "busy", work, method="busy")
        for method, level in (("first/a", 256), ("both/a", 255), ("both/b", 254)):
            write_plugin(place / method, SPECKLE.replace("256", str(level)), method=method[-1], team=method[:-2])
        generate: Call = ["generate", busy, "--data", data, "--device", "cpu", "--sandbox", "none", "--out"]
        compare(
            f"generate, {cases} cases of {case_seconds} s",
            lambda repeat: [[*generate, place / f"one-{repeat}"]],
            lambda repeat: [[*generate, place / f"two-{repeat}", "--shard", f"{i}/2"] for i in (1, 2)],
            repeats,
        )

        def score(name: str, root: str, jobs: int) -> list[Call]:
            places = [f"--{kind}={place / name / kind}" for kind in ("runs", "private", "results")]
            call = ["score", "--all", place / root, "--data", data, "--device", "cpu", "--sandbox", "none"]
            return [[*call, *places, "--jobs", str(jobs)]]

        def with_truth_known(kind: str, repeat: int) -> str:
            """A place whose cache has the truth's features, as it mostly has."""
            name = f"{kind}-{repeat}"
            shutil.copytree(place / "warm", place / name)
            return name

        seconds_of(score("warm", "first", 1))
        compare(
            f"score, 2 submissions of {cases} cases, {'with' if networks else 'no'} networks",
            lambda repeat: score(with_truth_known("in-turn", repeat), "both", 1),
            lambda repeat: score(with_truth_known("at-once", repeat), "both", 2),
            repeats,
        )


def measure_merge(volumes: int, width: int) -> None:
    """Simulated features in shards of 1000 through the ledger; memory, times, and the distance to their law."""
    shards = volumes // SHARD
    scale = 1 / np.sqrt(np.arange(1, width + 1))
    with tempfile.TemporaryDirectory() as folder:
        ledger, started = FeatureLedger(Path(folder)), time.monotonic()
        for shard in range(shards):
            rows = np.random.default_rng(shard).normal(size=(SHARD, width)) * scale
            ledger.enter(shard, f"{shard:064x}", feature_statistics(rows))
        entered = time.monotonic()
        merged = ledger.merged(shards)
        seconds = time.monotonic() - entered
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.stats"))
    law = FeatureStatistics(2, np.zeros(width), np.diag(scale))  # divisor N - 1 = 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"merge, {merged.n} volumes of {width} features in {shards} shards: entered in {entered - started:.0f} s, "
        f"merged in {seconds:.0f} s, peak {peak:.0f} MiB, ledger {size / 2**20:.0f} MiB; "
        f"Fréchet distance to the law drawn from {distance_of(merged, law):.2e}; load {os.getloadavg()[0]:.1f}"
    )
    halves = merge_statistics(merged, merged)
    print(f"merged with itself: {halves.n} volumes, distance {distance_of(merged, halves):.1e}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("workers", "merge"))
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--case-seconds", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", action="store_true", help="score with whatever weights are installed")
    parser.add_argument("--volumes", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=400)
    options = parser.parse_args()
    if options.what == "workers":
        measure_workers(options.cases, options.case_seconds, options.repeats, networks=options.networks)
    else:
        measure_merge(options.volumes, options.features)


if __name__ == "__main__":
    main()
