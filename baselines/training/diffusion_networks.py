"""A denoiser with its noise schedule: the part that pixel and latent diffusion share, for training and for drawing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.networks.denoiser import Denoiser, DenoiserConfig
from fundus2oct.baselines.networks.diffusion import (
    Diffusion,
    DiffusionConfig,
    SamplingConfig,
    diffusion_loss,
    sample,
)
from fundus2oct.baselines.training.step_random import StepRandom


class DiffusionNetworks(nn.Module):
    """Draws what it was trained on, given photographs.

    Args:
        denoiser: shape of the networks.
        diffusion: noise schedule and what is predicted.
        sampling: how to draw.
        shape: of what is drawn for one eye: (6, channels, h, w).
        photograph_dropped: chance that training takes the photograph away, for guidance.
    """

    def __init__(
        self,
        denoiser: DenoiserConfig,
        diffusion: DiffusionConfig,
        sampling: SamplingConfig,
        shape: tuple[int, ...],
        photograph_dropped: float,
    ) -> None:
        super().__init__()
        self.denoiser = Denoiser(denoiser)
        self._diffusion, self._sampling = Diffusion(diffusion), sampling
        self._shape, self._photograph_dropped = shape, photograph_dropped

    def loss(self, x0: Tensor, fundus: Tensor, strips: Tensor, random: StepRandom) -> Tensor:
        """The loss of a batch: (b, 6, channels, h, w), (b, 3, S, S), (b, 6, 3, k, w). A scalar.

        Time steps are spread evenly over the batch from one random start (Kingma et al., NeurIPS 2021): less noise in
        the loss than independent ones.
        """
        count, steps = len(x0), self._diffusion.config.steps
        t = ((random.uniform((1,)) + torch.arange(count, device=x0.device) / count) % 1 * steps).long()
        keep = random.uniform((count,)) >= self._photograph_dropped
        condition = self.denoiser.keep_some(self.denoiser.encode(fundus, strips), keep)
        noise = random.normal(x0.shape)
        return diffusion_loss(self.denoiser, x0, condition, t=t, noise=noise, diffusion=self._diffusion)

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """Draw for (b, 3, S, S) and (b, 6, 3, k, w), with a seed an eye: (b, 6, channels, h, w)."""
        condition = self.denoiser.encode(fundus, strips)
        device = fundus.device

        def noise(draw: int) -> Tensor:
            return torch.from_numpy(batch_noise(seeds, self._shape, draw=draw)).to(device)

        is_noisy = self._sampling.method == "ddpm" or self._sampling.eta > 0
        return sample(
            self.denoiser,
            noise(0),
            condition,
            diffusion=self._diffusion,
            sampling=self._sampling,
            null=self.denoiser.without_photograph(condition) if self._sampling.guidance != 1 else None,
            step_noise=noise if is_noisy else None,
        )
