"""How often the leak check finds altered copies of photographs, and how often it takes two eyes for one.

    .venv/bin/python tests/bench/measure_leaks.py --data demo/data

Prints one line an alteration: hits, and the bits that differ. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from altered_photographs import FOUND, HARD  # the path is set above

from fundus2oct.benchmark import leak_hashes
from fundus2oct.benchmark.dataset import read_dataset


def main() -> None:
    """Measure on every photograph of a dataset."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo/data"), help="a dataset folder")
    dataset = read_dataset(parser.parse_args().data)
    photographs = [dataset.fundus(case) for case in dataset.cases]
    hashes = np.stack([leak_hashes.turned_hashes(leak_hashes.field_square(p)) for p in photographs])
    between = leak_hashes.distances(hashes, hashes)[~np.eye(len(hashes), dtype=bool)]
    alarms = int((between <= leak_hashes.NEAR_BITS).sum())
    print(f"{len(hashes)} eyes, {len(between)} ordered pairs of different eyes: {alarms} taken for one")
    print(f"  differing bits of {leak_hashes.BITS}: min {between.min()}, median {np.median(between):.0f}")
    for name, alter in (FOUND | HARD).items():
        made = np.stack([leak_hashes.turned_hashes(leak_hashes.field_square(alter(p))) for p in photographs])
        bits = leak_hashes.distances(hashes, made).diagonal()
        hits = int((bits <= leak_hashes.NEAR_BITS).sum())
        print(f"  {name:<24} found {hits} of {len(bits)}; bits: median {np.median(bits):.0f}, max {bits.max()}")


if __name__ == "__main__":
    main()
