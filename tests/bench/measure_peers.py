"""Our scoring beside what a user would do today: same volumes, same threads, in turn. Called by `measure_speed`.

First both sides must give the same numbers where they define the same thing; where they do not, the table says why.
Then the parts one by one, the Fréchet step at 2048 features against its exact value, and whole scorings (decode, FVD,
SSIM, PSNR) of many volumes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import peers
import torch
from exact_frechet import exact_distance, whole_features
from numpy.typing import NDArray
from stopwatch import Seconds, least, once

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.frechet_video_distance import fvd_features, volume_to_clip
from fundus2oct.metrics.i3d import i3d_logits_grey
from fundus2oct.metrics.kernel_distance import kernel_distance
from fundus2oct.metrics.multiscale_similarity import ms_ssim
from fundus2oct.metrics.pixel_errors import psnr
from fundus2oct.metrics.structural_similarity import ssim

Volume = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One number computed by us and by a peer.

    Attributes:
        name: what, and whose.
        ours: a call that gives our number or numbers.
        theirs: the peer's call.
        tolerance: largest difference, relative to the largest number, that counts as the same; None where the two
            define different things.
        note: why they differ, or what was set so that they do not.
    """

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    tolerance: float | None
    note: str

    def difference(self) -> float:
        """Largest difference relative to the peer's largest number."""
        ours, theirs = np.asarray(self.ours(), np.float64), np.asarray(self.theirs(), np.float64)
        return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def comparisons(a: Volume, b: Volume) -> list[Comparison]:
    """Every part that a peer has too, on two volumes and on features of the size that FVD has."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 128, 400)) / np.arange(1, 401) + rng.normal(size=(2, 1, 400)) / 50
    frames = volume_to_clip(a)[None]
    colour = torch.from_numpy(frames)[:, None].repeat(1, 3, 1, 1, 1)

    def compare(name: str, ours: Any, theirs: Any, tolerance: float | None, note: str) -> Comparison:
        return Comparison(name=name, ours=ours, theirs=theirs, tolerance=tolerance, note=note)

    own_epsilon = "its own constant 1e-5 of batch normalisation in place of the released graph's 1e-3"
    border = "counts windows that reach over the border"
    return [
        compare("clip of a volume, torch", lambda: volume_to_clip(a), lambda: peers.clip(a)[0], 1e-5, "float32 there"),
        compare(
            "I3D logits, cd-fvd's network",
            lambda: i3d_logits_grey(frames),
            lambda: peers.i3d_features(colour),
            1e-5,
            "its batch normalisation set to 1e-3",
        ),
        compare(
            "I3D logits, cd-fvd as shipped",
            lambda: i3d_logits_grey(frames),
            lambda: peers.i3d(epsilon=1e-5)(colour).detach(),
            None,
            own_epsilon,
        ),
        compare(
            "Fréchet, d 400, pytorch-fid",
            lambda: frechet_distance(x, y),
            lambda: peers.frechet_by_pytorch_fid(x, y),
            1e-4,
            "it loses digits where d > n",
        ),
        compare(
            "Fréchet, d 400, torchmetrics",
            lambda: frechet_distance(x, y),
            lambda: peers.frechet_by_eigenvalues(x, y),
            1e-4,
            "it loses digits where d > n",
        ),
        compare(
            "kernel distance, torchmetrics",
            lambda: kernel_distance(x, y),
            lambda: peers.kernel_distance(x, y),
            None,
            "it pairs a generated volume with its own truth",
        ),
        compare("SSIM, scikit-image", lambda: ssim(a, b), lambda: peers.ssim_by_scikit_image(a, b), 1e-12, "settings"),
        compare("SSIM, torchmetrics", lambda: ssim(a, b), lambda: peers.ssim_by_torchmetrics(a, b), None, border),
        compare(
            "MS-SSIM, torchmetrics", lambda: ms_ssim(a, b), lambda: peers.ms_ssim_by_torchmetrics(a, b), None, border
        ),
        compare("PSNR, scikit-image", lambda: psnr(a, b), lambda: peers.psnr_by_scikit_image(a, b), 1e-12, "below 60"),
    ]


def check_and_time(rows: list[Comparison], runs: int) -> bool:
    """Print difference, times and ratio of every part; False when two that should agree do not."""
    differences = [row.difference() for row in rows]
    agree = all(d <= row.tolerance for d, row in zip(differences, rows, strict=True) if row.tolerance is not None)
    print("\npart                            difference   same?     ours    peer   ratio  (processor)  note")
    for row, difference in zip(rows, differences, strict=True):
        same = "no" if row.tolerance is None else ("yes" if difference <= row.tolerance else "WRONG")
        ours, theirs = least(row.ours, row.theirs, runs=runs)
        print(
            f"{row.name:31} {difference:10.1e}   {same:5} {1e3 * ours.wall:8.2f} {1e3 * theirs.wall:7.1f} ms"
            f" {theirs.wall / ours.wall:6.1f}  ({theirs.processor / ours.processor:6.1f})     {row.note}"
        )
    return agree


def frechet_at_2048() -> float:
    """The step that takes a peer ten seconds, and who is nearer to the exact value; the ratio to scipy's sqrtm."""
    a, b = whole_features(125, 2048, 1), whole_features(125, 2048, 2)
    exact = exact_distance(a, b)
    ours = least(lambda: frechet_distance(a, b), runs=50)[0]
    print("\nFréchet step, 2048 features, 125 cases      wall   ratio  (processor)   relative error")
    print(f"  {'ours':36} {ours.wall:8.4f} s {'':18} {float(abs(frechet_distance(a, b) / exact - 1)):10.1e}")
    ratio = 0.0
    for name, theirs in (
        ("scipy sqrtm, as in cd-fvd", peers.frechet_by_square_root),
        ("pytorch-fid (scipy sqrtm)", peers.frechet_by_pytorch_fid),
        ("torchmetrics (eigenvalues)", peers.frechet_by_eigenvalues),
    ):
        try:
            spent, value = once(functools.partial(theirs, a, b))
        except (TypeError, ValueError) as error:
            print(f"  {name:36} breaks: {error}")
            continue
        ratio = ratio or spent.wall / ours.wall
        ratios = f"{spent.wall / ours.wall:7.0f}  ({spent.processor / ours.processor:7.0f})"
        print(f"  {name:36} {spent.wall:8.4f} s {ratios}  {float(abs(value / exact - 1)):10.1e}")
    return ratio


@dataclass
class Side:
    """One side's scoring of many volumes: what it found and how long it took."""

    truth: list[Any]
    generated: list[Any]
    similarity: list[Floats]
    error: list[Floats]
    of_truth: Seconds
    rest: Seconds

    @classmethod
    def empty(cls) -> Side:
        """Before the first volume."""
        return cls([], [], [], [], Seconds(), Seconds())


def score_ours(side: Side, dataset: Dataset, case: Case, generated: Volume) -> Volume:
    """Decode, features of the truth and of the generated volume, SSIM and PSNR."""
    with side.rest.running():
        truth = dataset.volume(case)
    with side.of_truth.running():
        side.truth.append(fvd_features([truth]))
    with side.rest.running():
        side.generated.append(fvd_features([generated]))
        side.similarity.append(ssim(truth, generated))
        side.error.append(psnr(truth, generated))
    return truth


def score_theirs(side: Side, dataset: Dataset, case: Case, generated: Volume) -> None:
    """The same with Pillow, torch, cd-fvd's network and scikit-image, the faster of the peers' SSIMs."""
    with side.rest.running():
        truth = peers.decode([str(path) for path in dataset.bscan_paths(case)])
    with side.of_truth.running():
        side.truth.append(peers.i3d_features(peers.clip(truth)[None]))
    with side.rest.running():
        side.generated.append(peers.i3d_features(peers.clip(generated)[None]))
        side.similarity.append(peers.ssim_by_scikit_image(truth, generated))
        side.error.append(peers.psnr_by_scikit_image(truth, generated))


def whole_scoring(dataset: Dataset, cases: list[Case]) -> list[float]:
    """FVD, SSIM and PSNR of a set in which every generated volume is another eye's, darkened; volume by volume.

    Returns:
        How many times faster we are, by the wall, on the three kinds of entry that are printed.
    """
    ours, theirs = Side.empty(), Side.empty()
    previous = dataset.volume(cases[-1])
    for i, case in enumerate(cases, 1):
        truth = score_ours(ours, dataset, case, previous)
        score_theirs(theirs, dataset, case, previous)
        previous = (truth * 0.85).astype(np.uint8)
        print(f"\r{i} of {len(cases)} volumes", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    distances = []
    for side, distance in ((ours, frechet_distance), (theirs, peers.frechet_by_square_root)):
        with side.rest.running():
            sets = [np.concatenate(rows).astype(np.float64) for rows in (side.truth, side.generated)]
            distances.append(distance(*sets))
    print(f"\nwhole scoring of {len(cases)} volumes: FVD {distances[0]:.4f} and {distances[1]:.4f}, largest difference")
    for name, mine, other in (
        ("logits", ours.truth + ours.generated, theirs.truth + theirs.generated),
        ("SSIM", ours.similarity, theirs.similarity),
        ("PSNR", ours.error, theirs.error),
    ):
        print(f"  {name:8} {np.abs(np.stack(mine) - np.stack(other)).max():.1e}")
    found = []
    for name, mine, other in (
        ("first entry of a board", ours.of_truth + ours.rest, theirs.of_truth + theirs.rest),
        ("each further entry, peers compute the truth again", ours.rest, theirs.of_truth + theirs.rest),
        ("each further entry, peers keep the truth too", ours.rest, theirs.rest),
    ):
        ratios = f"{other.wall / mine.wall:5.2f} ({other.processor / mine.processor:.2f})"
        print(f"  {name:50} {mine.wall:7.1f} s {other.wall:7.1f} s   ratio {ratios}")
        found.append(other.wall / mine.wall)
    return found
