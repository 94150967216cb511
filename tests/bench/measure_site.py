"""How large a site is and how long its build takes, at 10, 50 and 200 made entries of 10 metrics each, no pictures.

Seconds are those of one `bench leaderboard build` in a process of its own, start and imports included; bytes are those
of all files, and of the first page as it is and by gzip. Ends with an error where a promise of docs/leaderboard.md is
broken: 200 entries in 5 s, a first page of 300 kB compressed.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark.result_file import SCHEMA_NAME, SCHEMA_VERSION, Result, publish_result
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.metric_card import MetricCard

SIZES = (10, 50, 200)
N_METRICS = 10
MAX_SECONDS, MAX_FIRST_PAGE_BYTES = 5.0, 300_000
BENCH = Path(sys.executable).with_name("bench")
SHOWN = tuple(sorted(CARDS, key=lambda card: card.role != "headline"))[:N_METRICS]


def made_record(number: int, generator: np.random.Generator) -> Result:
    """A valid record of a made submission; every digit of it is drawn, as those of a real one are."""
    kinds = ("submission",) * 16 + ("baseline", "trivial", "oracle", "degraded-truth")
    metrics = {card.name: made_metric(card, generator) for card in SHOWN}
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "entry": {
            "team": f"team-{number // 3:03d}",
            "method": f"method-{number:03d}",
            "kind": kinds[number % len(kinds)],
            "title": f"Method {number} with attention across slices",
            "description": "What it does, in a sentence or two, as a team would tell it. " * 3,
            "licence": "Apache-2.0",
            "external_data": "",
            "links": [f"https://example.org/{number}"],
        },
        "phase": "test",
        "dataset": {
            "name": "made",
            "version": "1",
            "title": "Made",
            "description": "Made.",
            "licence": "CC0-1.0",
            "pictures_may_be_published": False,
            "split": "test",
            "inputs_hash": "0" * 64,
            "truth_hash": "1" * 64,
            "n_cases": 100,
            "n_patients": 60,
        },
        "protocol": {
            "container": "raw",
            "failure_policy": "Worst value.",
            "headline_mean": "mean over patients",
            "metric_versions": {card.name: card.version for card in SHOWN},
        },
        "run": {
            "generator": "generator:make_generator",
            "generator_hash": generator.bytes(32).hex(),
            "seed": 0,
            "volumes_hash": generator.bytes(32).hex(),
            "isolation": "bubblewrap",
            "versions": {"numpy": "2.1.0"},
        },
        "cases": {"expected": 100, "scored": 100, "failed": 0, "failures": {}},
        "metrics": metrics,
        "eligible": {"value": True, "reasons": []},
        "flags": [],
        "sample": None,
        "versions": {"fundus2oct": "0.1.0"},
    }


def made_metric(card: MetricCard, generator: np.random.Generator) -> dict[str, Any]:
    """One metric of a made record, with an interval."""
    value = float(generator.uniform(0.2, 0.9)) * (1000 if card.level == "set" else 1)
    spread = value * float(generator.uniform(0.02, 0.1))
    return {
        "version": card.version,
        "value": value,
        "reason": None,
        "n_cases": 100,
        "n_patients": 60,
        "uncertainty": {
            "method": "bootstrap by patient",
            "standard_error": spread / 2,
            "level": 0.95,
            "interval": [value - spread, value + spread],
            "estimand": "mean over patients",
        },
    }


def measure(n_entries: int, folder: Path) -> tuple[float, int, int, int, int]:
    """Seconds of a build, files, bytes of all of them, bytes of the first page, bytes of it by gzip."""
    generator = np.random.default_rng(0)
    for number in range(n_entries):
        publish_result(made_record(number, generator), folder / "results")
    chosen = ", ".join(f'"{card.name}"' for card in SHOWN)
    (folder / "results" / "ranking.toml").write_text(f'metrics = ["{SHOWN[0].name}"]\ncolumns = [{chosen}]\n')
    started = time.perf_counter()
    command = [str(BENCH), "--quiet", "leaderboard", "build", str(folder / "results"), "--out", str(folder / "site")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    files = [path for path in (folder / "site").rglob("*") if path.is_file()]
    first = (folder / "site" / "index.html").read_bytes()
    return seconds, len(files), sum(path.stat().st_size for path in files), len(first), len(gzip.compress(first, 9))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    broken = []
    for n_entries in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            seconds, n_files, total, first, packed = measure(n_entries, Path(folder))
        print(
            f"{n_entries:>4} entries x {N_METRICS} metrics: {seconds:.2f} s, {n_files} files of {total / 1e6:.2f} MB; "
            f"first page {first / 1e3:.0f} kB, {packed / 1e3:.1f} kB by gzip"
        )
        if seconds > MAX_SECONDS or packed > MAX_FIRST_PAGE_BYTES:
            broken.append(n_entries)
    if broken:
        sys.exit(f"more than {MAX_SECONDS} s or {MAX_FIRST_PAGE_BYTES} bytes at {broken} entries")


if __name__ == "__main__":
    main()
