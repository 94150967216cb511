"""Noise of one case from its seed alone: drawn by numpy on the CPU, so neighbours, batches and devices change nothing.

No torch here. Networks take noise as an argument and never draw any themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def case_noise(seed: int, shape: tuple[int, ...], *, draw: int = 0) -> NDArray[np.float32]:
    """Standard normal noise.

    Args:
        seed: of the case, 0 or more.
        shape: of one case, without a batch axis.
        draw: 0 for the noise that sampling starts from, k for its k-th step. Draws are independent streams.

    Returns:
        shape float32, mean 0, standard deviation 1.

    >>> bool((case_noise(7, (2, 3)) == case_noise(7, (2, 3))).all())
    True
    """
    stream = np.random.SeedSequence(entropy=seed, spawn_key=(draw,))
    return np.random.Generator(np.random.PCG64(stream)).standard_normal(shape, dtype=np.float32)


def batch_noise(seeds: Sequence[int], shape: tuple[int, ...], *, draw: int = 0) -> NDArray[np.float32]:
    """(len(seeds), *shape) float32: the noise of several cases, each from its own seed."""
    return np.stack([case_noise(seed, shape, draw=draw) for seed in seeds])
