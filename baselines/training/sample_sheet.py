"""Some training eyes as the networks see and draw them: so that one sees a training learn.

A row an eye: the photograph, three real B-scans, and the same three drawn. Training eyes are shown on purpose as what
they are; how a generator does on new eyes is what the benchmark is for.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fundus2oct.baselines.training.eye_tensors import Batch, as_pixels

FRAMES: Final = (0, 2, 3)
EYES: Final = 4
ROW, COLUMN, GAP, TITLE = 160, 224, 6, 48


def draw_sheet(batch: Batch, drawn: Tensor, *, title: str) -> Image.Image:
    """One sheet.

    Args:
        batch: the eyes.
        drawn: (b, 6, 1, h, w), what the networks drew for them, about -1..1.
        title: written above.
    """
    across = ROW + GAP + 2 * len(FRAMES) * (COLUMN + GAP)
    sheet = Image.new("RGB", (across, TITLE + len(drawn) * (ROW + GAP)), "#12161b")
    words = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    words.text((4, 4), title, fill="#eef2f6", font=font)
    words.text((ROW + GAP, 26), "real", fill="#9fb0c0", font=font)
    words.text((ROW + GAP + len(FRAMES) * (COLUMN + GAP), 26), "drawn", fill="#9fb0c0", font=font)
    for number in range(len(drawn)):
        top = TITLE + number * (ROW + GAP)
        sheet.paste(_photograph(batch.fundus[number]), (0, top))
        for place, volume in enumerate((batch.volume[number], drawn[number])):
            for column, frame in enumerate(FRAMES):
                left = ROW + GAP + (place * len(FRAMES) + column) * (COLUMN + GAP)
                sheet.paste(_bscan(volume[frame, 0]), (left, top))
    return sheet


def shown_batch(eyes_batch: Batch) -> Batch:
    """The first few eyes of a batch."""
    return Batch(*(part[:EYES] for part in vars(eyes_batch).values()))


def _photograph(fundus: Tensor) -> Image.Image:
    pixels = np.ascontiguousarray(as_pixels(fundus).permute(1, 2, 0).cpu().numpy())
    return Image.fromarray(pixels).resize((ROW, ROW), Image.Resampling.BILINEAR)


def _bscan(bscan: Tensor) -> Image.Image:
    pixels = as_pixels(torch.nan_to_num(bscan)).cpu().numpy()
    return Image.fromarray(pixels).resize((COLUMN, ROW), Image.Resampling.BILINEAR).convert("RGB")
