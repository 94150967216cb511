"""Inputs of golden values, made from seeds alone: the scripts in tests/golden and the tests make the same ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def volume_pair() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A layered, speckled volume (6, 320, 448), and one of another shape and grain."""
    return layered_volume(seed=1, top=110, grain=0.35), layered_volume(seed=2, top=118, grain=0.2)


def layered_volume(*, seed: int, top: int, grain: float) -> NDArray[np.uint8]:
    """Dark above, four bands of different brightness below a curved edge, multiplied by speckle."""
    rng = np.random.default_rng(seed)
    row, column = np.arange(320.0)[:, None], np.arange(448.0)
    volume = []
    for line in range(6):
        depth = row - top - 18 * np.cos((column - 224 - 9 * line) / 90) - 0.03 * (column - 224)
        level = 12.0 + 70 * (depth > 0) + 60 * (depth > 38) - 50 * (depth > 52) + 25 * (depth > 90)
        volume.append(level * (1 - grain + grain * rng.gamma(4, 0.25, level.shape)))
    return np.clip(np.rint(volume), 0, 255).astype(np.uint8)


def feature_pair(n: int = 40, d: int = 24) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two overlapping sets of features (n, d)."""
    rng = np.random.default_rng(7)
    scale = np.arange(1, d + 1) ** -0.5
    x, y = rng.normal(size=(2, n, d)) * scale
    return x.astype(np.float32), (0.9 * y + 0.2 * scale).astype(np.float32)


def seeded_arrays(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Network weights that keep signals alive through many layers: stand-ins for trained ones, name by name."""
    arrays = {}
    for i, (name, shape) in enumerate(sorted(shapes.items())):
        draws = np.random.default_rng(i).standard_normal(shape)
        if len(shape) > 1:
            values = draws * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(("running_var", ".weight")):
            values = 1 + 0.1 * np.tanh(draws)
        else:
            values = 0.1 * draws
        arrays[name] = values.astype(np.float32)
    return arrays
