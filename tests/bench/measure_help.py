"""How long `bench --help` takes, beside an empty Python: medians of ten processes each, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
BENCH = Path(sys.executable).with_name("bench")


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of one process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print both medians and their ratio."""
    commands = {"bench --help": [str(BENCH), "--help"], "python -c pass": [sys.executable, "-c", "pass"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:<16} {median:.3f} s (median of {RUNS}, {min(times[name]):.3f}..{max(times[name]):.3f})")
    print(f"ratio            {medians['bench --help'] / medians['python -c pass']:.1f}")


if __name__ == "__main__":
    main()
