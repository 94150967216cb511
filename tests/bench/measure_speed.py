"""Every figure of speed in one run, and a last table of each beside its limit or goal. Run by `make bench`.

Exit code 1 when two programs that should give the same numbers do not; no time is asserted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import measure_device
import measure_peers
import measure_scoring
import torch

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.metrics.i3d import THREADS

Row = tuple[str, str, str, str]


def at_least(name: str, found: float, goal: float, text: str) -> Row:
    """A row of the last table for a figure that should reach a goal."""
    return name, text.format(found), text.format(goal), f"{found / goal:.0%}"


def print_table(rows: list[Row]) -> None:
    """Figure, value, limit or goal, and the share of it that was reached."""
    print(f"\n{'figure':50} {'found':>16} {'limit or goal':>16} {'share':>7}")
    for name, found, goal, share in rows:
        print(f"{name:50} {found:>16} {goal:>16} {share:>7}")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("demo/data"), help="Dataset folder.")
@click.option("--cases", default=128, help="Volumes of the whole scoring.")
@click.option("--runs", default=3, help="Calls of each part; the least time counts.")
@click.option("--device", default="cpu", help="A torch device to measure beside the processor, such as cuda.")
def main(data: Path, cases: int, runs: int, device: str) -> None:
    """Print the tables."""
    torch.set_num_threads(THREADS)
    dataset = read_dataset(data)
    volumes = [dataset.volume(case) for case in dataset.cases[:8]]
    agree = measure_peers.check_and_time(measure_peers.comparisons(*volumes[:2]), runs)
    frechet = measure_peers.frechet_at_2048()
    first, further, both_keep = measure_peers.whole_scoring(dataset, list(dataset.cases[:cases]))
    rate, limit = measure_scoring.breakdown(dataset)
    with tempfile.TemporaryDirectory() as folder:
        again = measure_scoring.second_entry(dataset, 8, Path(folder) / "entries")
        few, _, many = measure_scoring.peak_memory(data, Path(folder) / "memory")
    measure_device.measure_device(volumes, device)
    print_table(
        [
            at_least("Fréchet step, times faster than sqrtm", frechet, 1000, "{:.0f} x"),
            at_least("I3D, of the matrix product's rate (one thread)", rate / 1e9, limit / 1e9, "{:.0f} GFLOP/s"),
            at_least("whole scoring, first entry", first, 4, "{:.1f} x"),
            at_least("whole scoring, further entries", further, 4, "{:.1f} x"),
            at_least("whole scoring, further, peers keep the truth too", both_keep, 4, "{:.1f} x"),
            ("true volumes computed again for a second entry", f"{again}", "0", "" if again else "100%"),
            ("peak memory, 128 cases (limit: 8 cases)", f"{many:.0f} MB", f"{few:.0f} MB", f"{many / few:.0%}"),
        ]
    )
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
