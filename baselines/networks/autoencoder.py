"""An autoencoder with a Gaussian latent for single B-scans: the first stage of latent diffusion.

Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, in the form of Rombach et al., CVPR 2022: a small
weight on the Kullback-Leibler divergence, and latents brought to unit scale by measuring them. Four-fold reduction is
the default: at eight-fold, a retinal layer is thinner than a row of the latent. Slices never mix here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.pseudo3d_blocks import Downsample, ResidualBlock, Upsample, group_norm


@dataclass(frozen=True)
class AutoencoderConfig:
    """The shape of an `Autoencoder`.

    Attributes:
        channels: width of each level; each but the first halves height and width: three levels reduce four-fold.
        blocks: residual blocks a level.
        latent_channels: channels of the latent.
        patch: side of the squares of pixels that the first level sees as one place with so many channels: reduces by
            as much again and costs patch x patch times less (Shi et al., "Real-time single image and video
            super-resolution", CVPR 2016).
    """

    channels: tuple[int, ...] = (32, 64, 128)
    blocks: int = 1
    latent_channels: int = 4
    patch: int = 1

    @property
    def factor(self) -> int:
        """Pixels per latent pixel along each side: 4 for f4, 8 for f8."""
        return int(self.patch * 2 ** (len(self.channels) - 1))


@dataclass(frozen=True)
class Posterior:
    """The Gaussian q(z | x) of each latent value.

    Attributes:
        mean: (batch, slices, latent_channels, h, w).
        log_variance: the same shape, -30..20.
    """

    mean: Tensor
    log_variance: Tensor

    def draw(self, noise: Tensor) -> Tensor:
        """A latent from standard normal noise of the same shape (the reparametrisation of Kingma and Welling)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence from the standard normal in nats, a value per latent value."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1 - self.log_variance)


class Autoencoder(nn.Module):
    """B-scans to latents and back.

    Attributes:
        latent_shift, latent_scale: (latent_channels, 1, 1) buffers, 0 and 1 until `measure_latents` was called.
    """

    latent_shift: Tensor
    latent_scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(*_encoder_layers(config))
        self.decoder = nn.Sequential(*_decoder_layers(config))
        self.register_buffer("latent_shift", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("latent_scale", torch.ones(config.latent_channels, 1, 1))

    def encode(self, x: Tensor) -> Posterior:
        """Encode B-scans.

        Args:
            x: (batch, slices, 1, h, w) float32 in [-1, 1]; h and w divisible by `factor`.

        Returns:
            The latent's distribution, in the autoencoder's own units.
        """
        factor = self.config.factor
        if x.ndim != 5 or x.shape[2] != 1 or x.shape[3] % factor or x.shape[4] % factor:
            raise ValueError(
                f"x: expected (batch, slices, 1, h, w), h and w divisible by {factor}, found {tuple(x.shape)}"
            )
        y = self.encoder(x.flatten(0, 1))
        mean, log_variance = y.reshape(*x.shape[:2], *y.shape[1:]).chunk(2, dim=2)
        return Posterior(mean, log_variance.clamp(-30.0, 20.0))

    def decode(self, z: Tensor) -> Tensor:
        """Latents in own units, as `encode` gives them, to (batch, slices, 1, factor h, factor w), about -1..1."""
        x = self.decoder(z.flatten(0, 1))
        return torch.as_tensor(x.reshape(*z.shape[:2], *x.shape[1:]))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Posterior]:
        """Reconstruct B-scans by way of a drawn latent, or of the mean one without noise."""
        posterior = self.encode(x)
        return self.decode(posterior.mean if noise is None else posterior.draw(noise)), posterior

    def to_unit(self, z: Tensor) -> Tensor:
        """Latents in own units to mean 0 and standard deviation 1: what diffusion works on."""
        return (z - self.latent_shift) * self.latent_scale

    def from_unit(self, z: Tensor) -> Tensor:
        """The inverse of `to_unit`."""
        return z / self.latent_scale + self.latent_shift

    @torch.no_grad()
    def measure_latents(self, batches: Iterable[Tensor]) -> None:
        """Measure mean and standard deviation of every latent channel and keep them in the buffers.

        Rombach et al. (appendix G) divide by the standard deviation; taking the mean away as well is what later
        models do (Esser et al., ICML 2024). The spread of the posterior is part of the variance.

        Args:
            batches: of B-scans as `encode` takes them, at least one.
        """
        zero = torch.zeros_like(self.latent_shift[:, 0, 0], dtype=torch.float64, device="cpu")
        count, total, square = 0, zero, zero
        for x in batches:
            posterior = self.encode(x)
            mean, power = (
                y.double().movedim(2, 0).flatten(1).cpu()
                for y in (posterior.mean, posterior.mean**2 + posterior.log_variance.exp())
            )
            count, total, square = count + mean.shape[1], total + mean.sum(1), square + power.sum(1)
        if count == 0:
            raise ValueError("batches: expected at least one batch of B-scans, found none")
        shift = total / count
        self.latent_shift.copy_(shift[:, None, None])
        self.latent_scale.copy_((square / count - shift**2).rsqrt()[:, None, None])


def autoencoder_loss(
    x: Tensor,
    reconstruction: Tensor,
    posterior: Posterior,
    *,
    kl_weight: float = 1e-6,
    adversarial: Tensor | None = None,
    adversarial_weight: float = 0.0,
) -> dict[str, Tensor]:
    """Absolute error, divergence, and an adversarial term if the caller has a discriminator.

    All terms are per pixel, so `kl_weight` means what it means in Rombach et al., where both terms are sums. There is
    no perceptual term: it would need a network trained on other pictures. Without it and without an adversarial term,
    reconstructions lose some speckle.

    Args:
        x: (batch, slices, 1, h, w).
        reconstruction: the same shape.
        posterior: of x.
        kl_weight: of the divergence.
        adversarial: a scalar such as `pix2pix3d.generator_loss` gives.
        adversarial_weight: of that scalar.

    Returns:
        Scalars: "loss", "l1", "kl" (nats a pixel) and, if given, "adversarial".
    """
    l1 = functional.l1_loss(reconstruction.float(), x.float())
    kl = posterior.divergence().float().sum() / x.numel()
    losses = {"loss": l1 + kl_weight * kl, "l1": l1, "kl": kl}
    if adversarial is not None:
        losses["adversarial"] = adversarial
        losses["loss"] = losses["loss"] + adversarial_weight * adversarial
    return losses


def _encoder_layers(config: AutoencoderConfig) -> list[nn.Module]:
    first = nn.Conv2d(config.patch**2, config.channels[0], 3, padding=1)
    layers: list[nn.Module] = [nn.PixelUnshuffle(config.patch), first]
    for level, width in enumerate(config.channels):
        if level:
            layers.append(Downsample(config.channels[level - 1], width))
        layers += [ResidualBlock(width, width) for _ in range(config.blocks)]
    last = config.channels[-1]
    latent = nn.Conv2d(last, 2 * config.latent_channels, 3, padding=1)
    return [*layers, ResidualBlock(last, last), group_norm(last), nn.SiLU(), latent]


def _decoder_layers(config: AutoencoderConfig) -> list[nn.Module]:
    last = config.channels[-1]
    layers: list[nn.Module] = [nn.Conv2d(config.latent_channels, last, 3, padding=1), ResidualBlock(last, last)]
    for level, width in reversed(list(enumerate(config.channels))):
        layers += [ResidualBlock(width, width) for _ in range(config.blocks)]
        if level:
            layers.append(Upsample(width, config.channels[level - 1]))
    first = config.channels[0]
    pixels = nn.Conv2d(first, config.patch**2, 3, padding=1)
    return [*layers, group_norm(first), nn.SiLU(), pixels, nn.PixelShuffle(config.patch)]
