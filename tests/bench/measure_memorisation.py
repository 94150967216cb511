"""How the memorisation test behaves on a phantom cohort: ratios of held-out eyes, and of disguised training volumes.

    bench data phantom --out data/mini --profile mini
    python tests/bench/measure_memorisation.py data/mini

The numbers beside `memorisation.MARGIN` come from here; nothing is asserted.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.metrics import memorisation

Volume = NDArray[np.uint8]


def as_uint8(values: NDArray[np.float64]) -> Volume:
    """Rounded and clipped."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(volume: Volume) -> Volume:
    """Each B-scan through a JPEG file of quality 75."""
    bscans = []
    for bscan in volume:
        buffer = io.BytesIO()
        Image.fromarray(bscan).save(buffer, "JPEG", quality=75)
        bscans.append(np.asarray(Image.open(buffer)))
    return np.stack(bscans)


def noisy(volume: Volume, sd: float) -> Volume:
    """With white noise."""
    return as_uint8(volume + np.random.default_rng(0).normal(0, sd, volume.shape))


def moved(volume: Volume, rows: int, columns: int) -> Volume:
    """Shifted, edges repeated."""
    return np.asarray(ndimage.shift(volume, (0, rows, columns), order=0, mode="nearest"))


def blurred(volume: Volume, sigma: float) -> Volume:
    """Smoothed within B-scans."""
    return as_uint8(ndimage.gaussian_filter(volume.astype(np.float64), (0, sigma, sigma)))


COPIES: dict[str, Callable[[Volume], Volume]] = {
    "copy, noise 10": lambda v: noisy(v, 10),
    "copy, noise 25": lambda v: noisy(v, 25),
    "copy, moved 3 rows, 2 columns": lambda v: moved(v, 3, 2),
    "copy, moved 8 rows, 5 columns": lambda v: moved(v, 8, 5),
    "copy, brighter": lambda v: as_uint8(1.15 * v + 8),
    "copy, gamma 0.8": lambda v: as_uint8(255 * (v / 255) ** 0.8),
    "copy, JPEG 75": jpeg,
    "copy, all of it": lambda v: jpeg(noisy(as_uint8(moved(v, 4, 3) * 0.9 + 5), 10)),
    "copy, blurred 3": lambda v: blurred(v, 3),
}


def main(folder: Path) -> None:
    """Print smallest, median and largest ratio, and the share flagged, for every kind of volume."""
    dataset = read_dataset(folder)
    train, test = ([dataset.volume(case) for case in dataset.split(name)] for name in ("train", "test"))
    patients = [case.patient_id for case in dataset.split("train")]
    known = memorisation.descriptor(train)
    rng = np.random.default_rng(1)
    mixed = [as_uint8(np.mean([train[i] for i in rng.choice(len(train), n)], axis=0)) for n in (2, 5) * 10]
    kinds = {
        "held out": test,
        "held out, blurred 4": [blurred(volume, 4) for volume in test],
        "mean of 2 or 5 eyes": mixed,
        "mean volume": [as_uint8(np.mean(train, axis=0))],
        **{name: [disguise(volume) for volume in train[::4]] for name, disguise in COPIES.items()},
    }
    for name, volumes in kinds.items():
        found = memorisation.flags(memorisation.descriptor(volumes), known, patients)
        low, middle, high = np.quantile(found.ratio, (0, 0.5, 1))
        print(f"{name:32} {low:.2f} {middle:.2f} {high:.2f}   flagged {found.flagged.mean():.0%}")
    print(f"threshold {found.threshold:.3f}; left out: smallest {found.left_out_ratio.min():.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
