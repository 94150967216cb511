"""What sharing out costs: two workers against one on generate and on score, and a merge of a million volumes.

Run it by hand; it takes minutes, and an idle machine for its wall times::

    .venv/bin/python tests/bench/measure_scale.py workers [--cases 24] [--case-seconds 0.5]
    .venv/bin/python tests/bench/measure_scale.py merge [--volumes 1000000] [--features 400]

Efficiency is the time of one worker over twice that of two. Of processor time it needs no idle machine, and holds
what the harness itself costs twice (starting, importing, planning); of wall time it also holds the waits.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
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


def seconds_of(calls: Sequence[Call]) -> tuple[float, float]:
    """Wall and processor seconds of `bench` commands that run at once."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    commands = [[sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", *map(str, call)] for call in calls]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen(c, env=environment, stdout=subprocess.DEVNULL) for c in commands]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a command ended with {codes}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, one: Callable[[], Sequence[Call]], two: Callable[[], Sequence[Call]]) -> None:
    """Time one worker and two, and say both efficiencies."""
    (wall_1, cpu_1), (wall_2, cpu_2) = seconds_of(one()), seconds_of(two())
    load = os.getloadavg()[0]
    print(
        f"{name}: one worker {wall_1:.1f} s, two {wall_2:.1f} s: efficiency {wall_1 / (2 * wall_2):.2f} of wall time, "
        f"{cpu_1 / cpu_2:.2f} of processor time; load {load:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def measure_workers(cases: int, case_seconds: float) -> None:
    """Two shards of one run, and two submissions at once, against one after the other."""
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
            lambda: [[*generate, place / "one"]],
            lambda: [[*generate, place / "two", "--shard", f"{i}/2"] for i in (1, 2)],
        )

        def score(name: str, root: str, jobs: int) -> list[Call]:
            places = [f"--{kind}={place / name / kind}" for kind in ("runs", "private", "results")]
            call = ["score", "--all", place / root, "--data", data, "--device", "cpu", "--sandbox", "none"]
            return [[*call, *places, "--jobs", str(jobs)]]

        for name in (
            "one after the other",
            "at once",
        ):  # the truth's features are in the cache then, as they mostly are
            seconds_of(score(name, "first", 1))
        compare(
            f"score, 2 submissions of {cases} cases",
            lambda: score("one after the other", "both", 1),
            lambda: score("at once", "both", 2),
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
    parser.add_argument("--volumes", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=400)
    options = parser.parse_args()
    if options.what == "workers":
        measure_workers(options.cases, options.case_seconds)
    else:
        measure_merge(options.volumes, options.features)


if __name__ == "__main__":
    main()
