"""The first eyes of a finished run, drawn beside the real ones: the same eyes for every generator, never chosen ones.

The layout is that of the sheets which a training draws of its training eyes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fundus2oct.baselines.training.eye_tensors import Batch, as_network_values
from fundus2oct.baselines.training.sample_sheet import draw_sheet
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.fundus_crop import crop_to_field

EYES: Final = 8
SIDE: Final = 160
"""Side of a photograph, pixels."""


def run_sheet(dataset: Dataset, run: Path, *, title: str, split: str = "test") -> Image.Image:
    """One sheet of the split's first eight eyes in the order of the table.

    Args:
        dataset: with truth.
        run: folder of a run; a case that it failed to draw is black.
        title: written above.
        split: which the run is of.
    """
    cases = dataset.split(split)[:EYES]
    fundus = _as_tensor([crop_to_field(dataset.fundus(case), size=SIDE) for case in cases]).permute(0, 3, 1, 2)
    real = _as_tensor([dataset.volume(case) for case in cases]).unsqueeze(2)
    drawn = _as_tensor([_drawn(run, case.case_id, dataset.volume(case)) for case in cases]).unsqueeze(2)
    place = torch.arange(len(cases))
    batch = Batch(place, torch.zeros_like(place), fundus, torch.empty(0), real)
    shown = f"{title}: the first {len(cases)} eyes of {dataset.name} {dataset.version}, {split}"
    return draw_sheet(batch, drawn, title=shown)


def _as_tensor(pictures: list[NDArray[np.uint8]]) -> Tensor:
    """uint8 pictures of one shape as float32 -1..1, stacked."""
    return as_network_values(torch.from_numpy(np.stack(pictures)))


def _drawn(run: Path, case_id: str, real: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(6, 320, 448) uint8 of a run, or black where there is none."""
    path = run / "volumes" / f"{case_id}.npy"
    volume: NDArray[np.uint8] = np.load(path, allow_pickle=False) if path.exists() else np.zeros_like(real)
    return volume
