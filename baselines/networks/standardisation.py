"""Arrays as deviations from the usual one, place by place, and back.

What all training eyes share says nothing about one of them, and noise and data should have one scale (Karras et al.,
"Elucidating the design space", NeurIPS 2022). Mean and spread travel with the weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Standardisation(nn.Module):
    """Subtracts a mean and divides by a spread; does nothing until they are given.

    Attributes:
        mean: of the shape given.
        spread: of that shape, above 0.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    @torch.no_grad()
    def take(self, mean: Tensor, spread: Tensor) -> None:
        """Use this mean and this spread from now on."""
        self.mean.copy_(mean)
        self.spread.copy_(spread)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *shape) to deviations, the same shape."""
        return (x - self.mean) / self.spread

    def inverse(self, x: Tensor) -> Tensor:
        """Deviations (n, *shape) back."""
        return x * self.spread + self.mean


@torch.no_grad()
def moments(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and variance (divisor n) over the first axis of all parts together, (n, *shape) each; float64 on the CPU."""
    count, total, square = 0, torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for part in parts:
        exact = part.cpu().double()
        count, total, square = count + len(exact), total + exact.sum(dim=0), square + exact.square().sum(dim=0)
    mean = total / count
    return mean, (square / count - mean.square()).clamp(min=0)
