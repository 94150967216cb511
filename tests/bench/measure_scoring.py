"""Where the seconds of scoring go, and each figure beside its limit. Called by `measure_speed`.

Decode, resize, network, pixel metrics and statistics of one entry; the network's rate beside this machine's matrix
product; what a second entry pays for the true volumes; peak memory by number of cases. What a user would do today
stands beside ours in `measure_peers`.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from unittest import mock

import click
import numpy as np
import torch
from numpy.typing import NDArray
from stopwatch import Seconds, least, once
from torch.utils.flop_counter import FlopCounterMode

from fundus2oct.benchmark import scoring
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics import fused_convolution, i3d
from fundus2oct.metrics.frechet_distance import jackknife_frechet
from fundus2oct.metrics.frechet_video_distance import CARD as FVD_CARD
from fundus2oct.metrics.frechet_video_distance import volume_to_clip
from fundus2oct.metrics.i3d import i3d_logits_grey, reproducible_arithmetic
from fundus2oct.metrics.pixel_errors import PSNR_CARD, psnr
from fundus2oct.metrics.structural_similarity import CARD as SSIM_CARD
from fundus2oct.metrics.structural_similarity import ssim

CARDS = (FVD_CARD, SSIM_CARD, PSNR_CARD)
SPLIT = "bench"


def matrix_product() -> None:
    """The limit's arithmetic: 2 * 2048^3 operations in float32 under the scorer's own thread count."""
    with reproducible_arithmetic():
        torch.mm(_MATRIX, _MATRIX)


_MATRIX = torch.rand(2048, 2048)
MATRIX_OPERATIONS = 2 * 2048**3


def network_operations(clip: NDArray[np.float32]) -> int:
    """Floating-point operations of the network on one clip, 2 a multiply-accumulate, counted by torch."""
    with (
        mock.patch.object(fused_convolution, "_has_onednn", return_value=False),
        FlopCounterMode(display=False) as count,
    ):
        i3d_logits_grey(clip)
    return int(count.get_total_flops())


def breakdown(dataset: Dataset) -> tuple[float, float]:
    """Print one entry's seconds a volume by step; the network's rate and its limit on one thread."""
    cases = dataset.cases[:2]
    a, b = (dataset.volume(case) for case in cases)
    clip = volume_to_clip(a)[None]
    features = np.random.default_rng(0).normal(size=(2, 128, 400))
    patients = np.arange(128)
    names = ("decode", "resize to a clip", "network", "SSIM", "PSNR", "Fréchet, 128 jackknifed")
    *steps, product = least(
        lambda: dataset.volume(cases[0]),
        lambda: volume_to_clip(a),
        lambda: i3d_logits_grey(clip),
        lambda: ssim(a, b),
        lambda: psnr(a, b),
        lambda: jackknife_frechet(*features, patients),
        matrix_product,
        runs=7,
    )
    steps[-1] *= 1 / 128
    total = sum((step.wall for step in steps), 0.0)
    print("one volume of an entry            wall    processor   share")
    for name, step in zip(names, steps, strict=True):
        print(f"  {name:26} {1e3 * step.wall:8.2f} ms {1e3 * step.processor:8.2f} ms {step.wall / total:7.1%}")
    return print_rates(clip, steps[2], product)


def print_rates(clip: NDArray[np.float32], network: Seconds, product: Seconds) -> tuple[float, float]:
    """The network's rate beside the matrix product's, on the scorer's threads and on one thread; the latter two."""
    operations = network_operations(clip)
    print(f"\nI3D: {operations / 1e9:.1f} GFLOP a clip        GFLOP/s   limit (matrix product)    share")
    alone = one_thread(clip)
    for name, times in (
        ("by the wall, two threads", (network.wall, product.wall)),
        ("by the processor, one thread", (alone[0].processor, alone[1].processor)),
    ):
        rate, limit = operations / times[0], MATRIX_OPERATIONS / times[1]
        print(f"  {name:30} {rate / 1e9:8.0f} {limit / 1e9:16.0f} {rate / limit:16.0%}")
    return rate, limit


def one_thread(clip: NDArray[np.float32]) -> list[Seconds]:
    """Network and matrix product on one thread: what other work on the machine disturbs least."""
    with mock.patch.object(i3d, "THREADS", 1):
        return least(lambda: i3d_logits_grey(clip), matrix_product, runs=7)


def shifted_source(dataset: Dataset, shift: int) -> VolumeSource:
    """An entry whose volume of a case is another eye's, made a little darker so that nothing else has its features."""
    cases = dataset.split(SPLIT)
    other = {case.case_id: cases[(i + shift) % len(cases)] for i, case in enumerate(cases)}
    return VolumeSource(
        submission=Submission(
            team="bench", method=f"shift-{shift}", title="", description="", licence="", kind="oracle"
        ),
        get=lambda case_id: np.asarray(dataset.volume(other[case_id]) * (1 - shift / 100)).astype(np.uint8),
        provenance={},
    )


def first_cases(dataset: Dataset, count: int) -> Dataset:
    """The dataset with only its first cases, all in one split."""
    cases = tuple(dataclasses.replace(case, split=SPLIT) for case in dataset.cases[:count])
    return dataclasses.replace(dataset, cases=cases)


def score(dataset: Dataset, shift: int, cache: Path) -> tuple[Seconds, int]:
    """Score an entry; its time, and how many volumes went through the network."""
    with mock.patch.object(scoring, "load_function", _Counting(scoring.load_function)) as counting:
        spent, _ = once(
            lambda: scoring.score_cases(shifted_source(dataset, shift), dataset, SPLIT, CARDS, ValueCache(cache))
        )
        return spent, counting.features


class _Counting:
    """`load_function` that counts the feature calls."""

    def __init__(self, load: object) -> None:
        self.load, self.features = load, 0

    def __call__(self, path: str) -> object:
        self.features += path == FVD_CARD.features
        return self.load(path)  # type: ignore[operator]


def second_entry(dataset: Dataset, count: int, folder: Path) -> int:
    """Score two entries with one cache; how many true volumes the second still sends through the network."""
    dataset = first_cases(dataset, count)
    print(f"\ntwo entries on {count} cases (FVD, SSIM, PSNR through the scorer)")
    for name, shift in (("first entry", 1), ("second entry", 2)):
        spent, calls = score(dataset, shift, folder)
        print(f"  {name:14} {spent.wall:8.1f} s; through the network: {calls} volumes, {calls - count} of them true")
    return calls - count


def peak_memory(data: Path, folder: Path) -> list[float]:
    """Peak resident megabytes of processes that score 8, 32 and 128 cases; each finds those before in the cache."""
    print("\npeak memory of a fresh process, by number of cases scored")
    peaks = []
    for count in (8, 32, 128):
        command = [sys.executable, __file__, str(data), str(count), str(folder)]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        print(f"  {count:4} cases {line}")
        peaks.append(float(line.split()[0]))
    return peaks


def peak_megabytes() -> float:
    """Largest resident memory of this process so far, since it started its own program (Linux)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("count", type=int)
@click.argument("cache", type=click.Path(path_type=Path))
def main(data: Path, count: int, cache: Path) -> None:
    """Score some cases and print the peak: what `peak_memory` runs in a fresh process."""
    spent, calls = score(first_cases(read_dataset(data), count), 3, cache)
    print(f"{peak_megabytes():6.0f} MB ({calls} volumes through the network, {spent.wall:.0f} s)")


if __name__ == "__main__":
    main()
