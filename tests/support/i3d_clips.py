"""The clips whose reference I3D logits lie in tests/golden/i3d_logits.json: closed formulas and one fixed seed.

Called by the test of the network and by tests/golden/make_i3d_logits.py, which needs the reference implementation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIDE = 224


def _noise(frames: int) -> NDArray[np.float32]:
    uniform = np.random.default_rng(20041).random((frames, SIDE, SIDE, 3))
    return (2 * uniform - 1).astype(np.float32)


def _smooth(frames: int) -> NDArray[np.float32]:
    """A coloured wave that differs along time, rows and columns, so that a swapped axis is noticed."""
    t, y, x, c = np.ogrid[:frames, :SIDE, :SIDE, :3]
    return np.sin(0.31 * t + 0.021 * y + 0.047 * x + 0.9 * c).astype(np.float32)


def _mixed(frames: int) -> NDArray[np.float32]:
    return (0.7 * _smooth(frames) + 0.3 * _noise(frames)).astype(np.float32)


def _grey_wave(frames: int) -> NDArray[np.float32]:
    return np.repeat(_mixed(frames)[..., 1:2], 3, axis=-1)


def _step(frames: int) -> NDArray[np.float32]:
    """-1 everywhere, +1 in the lower left from the middle frame on: borders and padding matter."""
    clip = np.full((frames, SIDE, SIDE, 3), -1, np.float32)
    clip[frames // 2 :, SIDE // 3 :, : SIDE // 2] = 1
    return clip


CLIPS: dict[str, tuple[Callable[[int], NDArray[np.float32]], int]] = {
    "noise-10": (_noise, 10),
    "smooth-16": (_smooth, 16),
    "mixed-13": (_mixed, 13),
    "mixed-9": (_mixed, 9),
    "step-16": (_step, 16),
    "grey-16": (_grey_wave, 16),
}
"""Name -> (maker, frames). Odd and even lengths, since the padding depends on them."""


def clip(name: str) -> NDArray[np.float32]:
    """One clip: (frames, 224, 224, 3) float32 in [-1, 1]."""
    maker, frames = CLIPS[name]
    return maker(frames)


def constant_clips(value: float, count: int, frames: int) -> NDArray[np.float32]:
    """``count`` equal clips of one value: (count, frames, 224, 224, 3) float32."""
    return np.full((count, frames, SIDE, SIDE, 3), value, np.float32)
