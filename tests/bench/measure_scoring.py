"""Where the seconds of scoring go: decode, resize, network, pixel metrics, statistics. Run by `make bench`.

On the phantom of `make demo` (or --data). Prints the network's rate beside this machine's measured matrix product, and
peak memory; what a user would do today stands beside ours where both define the same number.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.frechet_video_distance import fvd_features, volume_to_clip
from fundus2oct.metrics.i3d import reproducible_arithmetic
from fundus2oct.metrics.pixel_errors import psnr
from fundus2oct.metrics.structural_similarity import ssim


def best_of(function: Callable[[], Any], runs: int = 3) -> float:
    """Least wall-clock seconds of a few calls."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def matrix_rate() -> float:
    """Floating-point operations a second of a float32 matrix product under the scorer's own thread count."""
    import torch

    a = torch.rand(2048, 2048)
    with reproducible_arithmetic():
        return 2 * 2048**3 / best_of(lambda: a @ a, 5)


def network_operations(volume: NDArray[np.uint8]) -> int:
    """Floating-point operations of the network on one volume, counted by torch: 2 a multiply-accumulate."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        fvd_features(volume[None])
    return int(counter.get_total_flops())


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("demo/data"), help="Dataset folder.")
@click.option("--cases", default=8, help="Cases to time.")
def main(data: Path, cases: int) -> None:
    """Print the breakdown."""
    dataset = read_dataset(data)
    chosen = dataset.split("test")[:cases]
    volumes = np.stack([dataset.volume(case) for case in chosen])
    other = volumes[::-1].copy()
    fvd_features(volumes[:1])
    features = fvd_features(volumes).astype(np.float64)
    rows = {
        "decode": best_of(lambda: [dataset.volume(case) for case in chosen]),
        "resize to clips": best_of(lambda: [volume_to_clip(volume) for volume in volumes]),
        "features (resize and network)": best_of(lambda: fvd_features(volumes), 2),
        "SSIM": best_of(lambda: [ssim(a, b) for a, b in zip(volumes, other, strict=True)]),
        "PSNR": best_of(lambda: [psnr(a, b) for a, b in zip(volumes, other, strict=True)]),
        "Fréchet distance (all cases)": best_of(lambda: frechet_distance(features, features + 1)),
    }
    for name, seconds in rows.items():
        print(f"{name:<32} {1000 * seconds / cases:>9.2f} ms a volume")
    network = rows["features (resize and network)"] - rows["resize to clips"]
    operations, limit = network_operations(volumes[0]), matrix_rate()
    rate = operations * cases / network
    print(f"network: {operations / 1e9:.1f} GFLOP a volume, {rate / 1e9:.0f} GFLOP/s,")
    print(f"         {100 * rate / limit:.0f} % of this machine's float32 matrix product ({limit / 1e9:.0f} GFLOP/s)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
