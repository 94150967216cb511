"""Every random number of a training step, from the training's seed and the step's number alone.

No state is carried from one step to the next, so a resumed training draws what an uninterrupted one would have drawn.
Which eyes make up a batch is decided here too: epochs are permutations, and a step knows its place in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ORDER, NOISE, GLOBAL = range(3)
"""What a stream of random numbers is for: streams of different purposes are independent."""


def stream_seed(*keys: int) -> int:
    """A seed of 63 bits for the stream that ``keys`` name; different keys give independent streams."""
    low, high = np.random.SeedSequence(list(keys)).generate_state(2)
    return (int(high) << 32 | int(low)) & (2**63 - 1)


class StepRandom:
    """The random numbers of one part of one step, drawn on the device that computes it.

    Args:
        keys: seed, stage, step, process and part.
        device: where the numbers are needed.
    """

    def __init__(self, keys: Sequence[int], device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(stream_seed(NOISE, *keys))
        self._device = device

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Standard normal float32."""
        return torch.randn(tuple(shape), generator=self._generator, device=self._device)

    def uniform(self, shape: Sequence[int]) -> Tensor:
        """Uniform float32 in [0, 1)."""
        return torch.rand(tuple(shape), generator=self._generator, device=self._device)

    def whole(self, high: int, shape: Sequence[int]) -> Tensor:
        """Whole numbers 0 .. high - 1, int64."""
        return torch.randint(high, tuple(shape), generator=self._generator, device=self._device)


def batch_indices(n: int, *, seed: int, stage: int, start: int, count: int) -> NDArray[np.int64]:
    """Which of ``n`` eyes stand at places ``start .. start + count - 1`` of the endless row of shuffled epochs.

    >>> sorted(batch_indices(4, seed=0, stage=0, start=4, count=4).tolist())
    [0, 1, 2, 3]
    """
    places = np.arange(start, start + count)
    orders = {epoch: _order(n, seed, stage, epoch) for epoch in np.unique(places // n).tolist()}
    return np.array([orders[place // n][place % n] for place in places.tolist()], dtype=np.int64)


def _order(n: int, seed: int, stage: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng(stream_seed(ORDER, seed, stage, epoch)).permutation(n)


def seed_everything(*keys: int) -> None:
    """Seed torch's global stream, which layers (their start, dropout) draw from."""
    torch.manual_seed(stream_seed(GLOBAL, *keys))
