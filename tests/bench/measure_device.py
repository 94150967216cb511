"""The network on another device: clips a second, how long it waits for the processor, and whose numbers it gives.

    python tests/bench/measure_device.py --device cuda

Volumes are resized on the processor, one by one, as the scorer does it; float32, TF32 off. Without a GPU the same code
runs with --device cpu, where nothing is there to wait.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from stopwatch import Seconds

from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.metrics.frechet_video_distance import fvd_features, volume_to_clip
from fundus2oct.metrics.i3d import i3d_logits_grey

Volume = NDArray[np.uint8]


def clips_per_second(volumes: list[Volume], device: str) -> tuple[float, float]:
    """Clips a second, and the share of the time in which the device waits while the processor resizes.

    The logits of a clip are copied back before the next is made, so what is not resizing is the device's time (with
    the copies to and fro, and the checks of the input).
    """
    i3d_logits_grey(volume_to_clip(volumes[0])[None], device=device)
    resizing, network = Seconds(), Seconds()
    for volume in volumes:
        with resizing.running():
            clip = volume_to_clip(volume)[None]
        with network.running():
            i3d_logits_grey(clip, device=device)
    total = resizing.wall + network.wall
    return len(volumes) / total, resizing.wall / total


def largest_difference(volumes: list[Volume], device: str) -> float:
    """Largest difference of a logit between the device and the processor."""
    return float(np.abs(fvd_features(volumes, device=device) - fvd_features(volumes)).max())


def measure_device(volumes: list[Volume], device: str) -> None:
    """Print the figures."""
    rate, waiting = clips_per_second(volumes, device)
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "the processor"
    print(f"\nI3D on {name}: {rate:.1f} clips a second, {waiting:.0%} of the time spent waiting for the resize")
    print(f"largest difference of a logit from the processor's: {largest_difference(volumes[:4], device):.1e}")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("demo/data"), help="Dataset folder.")
@click.option("--device", default="cpu", help="A torch device, such as cuda.")
@click.option("--cases", default=8, help="Volumes to run.")
def main(data: Path, device: str, cases: int) -> None:
    """Measure one device."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("no GPU is there: run with --device cpu")
    dataset = read_dataset(data)
    measure_device([dataset.volume(case) for case in dataset.cases[:cases]], device)


if __name__ == "__main__":
    main()
