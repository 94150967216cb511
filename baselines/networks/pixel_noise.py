"""The noise that an autoencoder's pictures lack: a draw from the decoder's distribution, not its mean.

An autoencoder trained for a small error gives the mean of all pictures that a latent may stand for, and speckle is not
in it. Its decoder is a distribution, though, with a variance that training determines (Rybkin et al., "Simple and
effective VAE training with calibrated decoders", ICML 2021). Speckle grows with brightness, so the spread of what is
left out is kept by decoded grey level. Drawn pixels are independent of each other; what real speckle has of shape
beyond a pixel of the network is still missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

LEVELS: Final = 32
"""Bins of decoded grey level between -1 and 1."""


class PixelNoise(nn.Module):
    """Spread of the pixels about their decoded values, by decoded grey level; nothing until it is measured.

    Attributes:
        spread: (LEVELS,), standard deviation of truth minus decoded picture.
    """

    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("spread", torch.zeros(LEVELS))

    @torch.no_grad()
    def measure(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Measure on pairs of real and decoded pictures of one shape, -1..1; an empty level takes its neighbour's."""
        count, square = (torch.zeros(LEVELS, dtype=torch.float64) for _ in range(2))
        for real, decoded in pairs:
            level = _level(decoded).flatten().cpu()
            count += torch.bincount(level, minlength=LEVELS)
            square += torch.bincount(level, (real - decoded).flatten().double().square().cpu(), minlength=LEVELS)
        filled = count.nonzero().flatten()
        nearest = (torch.arange(LEVELS)[:, None] - filled[None]).abs().argmin(dim=1)
        self.spread.copy_((square / count.clamp(min=1)).sqrt()[filled[nearest]])

    def forward(self, decoded: Tensor, noise: Tensor) -> Tensor:
        """decoded, -1..1, and standard normal noise of its shape: a draw, same shape."""
        return decoded + self.spread[_level(decoded)] * noise


def _level(decoded: Tensor) -> Tensor:
    return ((decoded + 1) / 2 * LEVELS).long().clamp(0, LEVELS - 1)
