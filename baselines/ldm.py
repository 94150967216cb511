"""Baseline `ldm`: latent diffusion in the style of the winner of APTOS-2024 (arXiv 2506.07542, Algorithm 1).

Three stages of training. `autoencoder`: a KL autoencoder of single B-scans (Rombach et al., "High-resolution image
synthesis with latent diffusion models", CVPR 2022), with a discriminator of patches where it is asked for. `slices`:
unconditional diffusion of single B-scans in its latents, whose scale is measured and not copied. `volumes`: the same
network with layers across the B-scans and the photograph, which starts exactly where `slices` ended, on pairs. The
first two learn from B-scans without photographs too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fundus2oct.baselines.ldm_settings import LdmSettings
from fundus2oct.baselines.networks.autoencoder import Autoencoder, autoencoder_loss
from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.networks.denoiser import DenoiserConfig
from fundus2oct.baselines.networks.pix2pix3d import (
    PatchDiscriminator,
    discriminator_loss,
    generator_loss,
)
from fundus2oct.baselines.networks.pixel_noise import PixelNoise
from fundus2oct.baselines.networks.retina_shape import RetinaShape, measured_shape
from fundus2oct.baselines.networks.standardisation import Standardisation
from fundus2oct.baselines.training.checkpoint import check_weights, read_model
from fundus2oct.baselines.training.diffusion_networks import DiffusionNetworks
from fundus2oct.baselines.training.encoder_weights import load_encoder
from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors, as_network_values
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.photograph_scale import measure_photographs
from fundus2oct.baselines.training.step_random import StepRandom
from fundus2oct.baselines.training.task import LOSS, Losses, Stage, Task, Update, learnable
from fundus2oct.baselines.training.trained_generator import load_generator
from fundus2oct.benchmark.generator import Generator

AUTOENCODER, SLICES, VOLUMES = "autoencoder", "slices", "volumes"
PIXEL_DRAW = 2_000_000
"""Number of the stream of noise for pixels; sampling steps count from 0."""
MIN_SPREAD = 0.01
"""Of latents of unit scale: where training latents are nearly equal, what is drawn is nearly that, too."""
ENCODED_AT_ONCE = 8
"""Eyes whose latents are computed together."""


class AutoencoderTask:
    """Learns to take B-scans to latents and back."""

    def __init__(self, settings: LdmSettings) -> None:
        self._autoencoder = Autoencoder(settings.autoencoder)
        self.networks = nn.ModuleDict({AUTOENCODER: self._autoencoder})
        self.companions = PatchDiscriminator(replace(settings.discriminator, with_strips=False))
        self._settings = settings
        judge = Update("discriminator", learnable(self.companions), self._discriminator_losses)
        own = Update("autoencoder", learnable(self._autoencoder), self._autoencoder_losses)
        self.updates = (judge, own) if settings.adversarial_weight else (own,)

    def _noise(self, batch: Batch, random: StepRandom) -> Tensor:
        return random.normal((len(batch.volume), *self._settings.latent_shape))

    def _discriminator_losses(self, batch: Batch, random: StepRandom) -> Losses:
        with torch.no_grad():
            made, _ = self._autoencoder(batch.volume, self._noise(batch, random))
        real, generated = (self.companions(volume, batch.strips).float() for volume in (batch.volume, made))
        return {LOSS: discriminator_loss(real, generated)}

    def _autoencoder_losses(self, batch: Batch, random: StepRandom) -> Losses:
        made, posterior = self._autoencoder(batch.volume, self._noise(batch, random))
        weight = self._settings.adversarial_weight
        adversarial = generator_loss(self.companions(made, batch.strips).float()) if weight else None
        return autoencoder_loss(
            batch.volume,
            made,
            posterior,
            kl_weight=self._settings.kl_weight,
            adversarial=adversarial,
            adversarial_weight=weight,
        )

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """The B-scans of a batch, encoded and decoded."""
        assert isinstance(networks, nn.ModuleDict)
        made, _ = networks[AUTOENCODER](batch.volume)
        return torch.as_tensor(made)


class LdmNetworks(nn.Module):
    """What generates: a denoiser of latents, the autoencoder, which learns no more, and the volumes' shapes.

    Attributes:
        scale: of latents of unit scale, (6, channels, h, w); does nothing where they are not standardised.
    """

    def __init__(self, settings: LdmSettings, *, with_photograph: bool = True) -> None:
        super().__init__()
        self.shape = RetinaShape(settings.data.thickness_chance) if settings.data.framed else None
        self.autoencoder = Autoencoder(settings.autoencoder).requires_grad_(False)
        self.pixel_noise = PixelNoise() if settings.drawn_pixels else None
        self.diffusion = DiffusionNetworks(
            _denoiser(settings, with_photograph),
            settings.diffusion,
            settings.sampling,
            settings.latent_shape,
            settings.photograph_dropped,
        )
        self.scale = Standardisation(settings.latent_shape)

    @torch.no_grad()
    def measure(self, mean: Tensor, spread: Tensor) -> None:
        """Take mean and spread from the training latents' own, in the autoencoder's units: two of (v, n, 6, ...)."""
        unit = self.autoencoder.to_unit(mean).flatten(0, 1).double()
        noise = (spread * self.autoencoder.latent_scale).flatten(0, 1).double().square().mean(dim=0)
        self.scale.take(unit.mean(dim=0), (unit.var(dim=0, correction=0) + noise).sqrt().clamp(min=MIN_SPREAD))

    def standardised(self, latents: Tensor) -> Tensor:
        """Latents in the autoencoder's units (b, 6, channels, h, w) as diffusion sees them."""
        return torch.as_tensor(self.scale(self.autoencoder.to_unit(latents)))

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """Volumes for (b, 3, S, S) and (b, 6, 3, k, w), with a seed an eye: (b, 6, 1, h, w)."""
        latents = self.scale.inverse(self.diffusion.draw(fundus, strips, seeds))
        decoded = self.autoencoder.decode(self.autoencoder.from_unit(latents))
        if self.pixel_noise is None:
            return decoded
        noise = torch.from_numpy(batch_noise(seeds, tuple(decoded.shape[1:]), draw=PIXEL_DRAW))
        return torch.as_tensor(self.pixel_noise(decoded, noise.to(decoded.device)))


def _denoiser(settings: LdmSettings, with_photograph: bool) -> DenoiserConfig:
    """The shape of a stage's denoiser: without photograph it has no layers across the B-scans either."""
    channels = settings.autoencoder.latent_channels
    unet = replace(settings.denoiser.unet, in_channels=channels, out_channels=channels)
    if not with_photograph:
        unet = replace(unet, with_slices=False, with_context=False, map_channels=0)
    return replace(settings.denoiser, unet=unet)


def make_networks(settings: LdmSettings) -> LdmNetworks:
    """The networks that a profile describes."""
    return LdmNetworks(settings)


class LatentTask:
    """Learns to take noise away from latents; the eyes' latents are computed once."""

    def __init__(self, networks: LdmNetworks, eyes: EyeTensors, *, standardised: bool) -> None:
        self.networks = networks.to(eyes.volume.device)
        self.companions = nn.Module()
        self.updates = (Update("denoiser", learnable(networks), self._losses),)
        self._mean, self._spread = _latents(networks.autoencoder, eyes)
        if standardised:
            networks.measure(self._mean, self._spread)

    def _losses(self, batch: Batch, random: StepRandom) -> Losses:
        mean, spread = (part[batch.variant, batch.index] for part in (self._mean, self._spread))
        latents = self.networks.standardised(mean + spread * random.normal(mean.shape))
        return {LOSS: self.networks.diffusion.loss(latents, batch.fundus, batch.strips, random)}

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """Volumes of a batch's eyes."""
        assert isinstance(networks, LdmNetworks)
        return networks.draw(batch.fundus, batch.strips, seeds)


@torch.no_grad()
def _latents(autoencoder: Autoencoder, eyes: EyeTensors) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of all latents, in the autoencoder's units: two of (v, n, 6, channels, h, w)."""
    parts: list[tuple[Tensor, Tensor]] = []
    for volumes in torch.split(eyes.volume.flatten(0, 1), ENCODED_AT_ONCE):
        posterior = autoencoder.encode(as_network_values(volumes).unsqueeze(2))
        parts.append((posterior.mean, torch.exp(0.5 * posterior.log_variance)))
    mean, spread = (torch.cat(side) for side in zip(*parts, strict=True))
    shape = (*eyes.volume.shape[:2], *mean.shape[1:])
    return mean.reshape(shape), spread.reshape(shape)


@torch.no_grad()
def _decoded_pairs(autoencoder: Autoencoder, eyes: EyeTensors) -> Iterator[tuple[Tensor, Tensor]]:
    """Real and decoded volumes of all eyes, some at a time."""
    for volumes in torch.split(eyes.volume[0], ENCODED_AT_ONCE):
        real = as_network_values(volumes).unsqueeze(2)
        yield real, autoencoder(real)[0]


def stages(settings: LdmSettings) -> Sequence[Stage]:
    """Autoencoder, single B-scans, volumes."""

    def autoencoder(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> Task:
        return AutoencoderTask(settings)

    def slices(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> Task:
        networks = LdmNetworks(settings, with_photograph=False)
        _take_autoencoder(networks, learned, eyes, settings)
        return LatentTask(networks, eyes, standardised=settings.standardised)

    def volumes(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> Task:
        networks = make_networks(settings)
        networks.shape = measured_shape(eyes.shapes, settings.data.thickness_chance)
        measure_photographs(networks, eyes)
        if settings.encoder_weights:
            load_encoder(networks.diffusion.denoiser.fundus_encoder, settings.encoder_weights)
        _take_autoencoder(networks, learned, eyes, settings)
        if networks.pixel_noise is not None:
            networks.pixel_noise.measure(_decoded_pairs(networks.autoencoder, eyes))
        if started := _below(learned, "diffusion.denoiser.unet."):
            networks.diffusion.denoiser.unet.load_stage1(started)
        return LatentTask(networks, eyes, standardised=settings.standardised)

    shares = settings.shares
    every = (
        Stage(AUTOENCODER, shares.autoencoder, autoencoder, shows="reconstructed", takes_unpaired=True),
        Stage(SLICES, shares.slices, slices, shows="drawn without a photograph", takes_unpaired=True),
        Stage(VOLUMES, shares.volumes, volumes),
    )
    left_out = AUTOENCODER if settings.autoencoder_weights else ""
    return tuple(stage for stage in every if stage.share and stage.name != left_out)


def _take_autoencoder(
    networks: LdmNetworks, learned: Mapping[str, Tensor], eyes: EyeTensors, settings: LdmSettings
) -> None:
    """Take over the autoencoder; its latents' scale is measured on these eyes where no stage before has done so."""
    if not learned:
        folder = Path(settings.autoencoder_weights)
        learned = {
            name: tensor for name, tensor in read_model(folder, method="ldm").items() if "diffusion." not in name
        }
        check_weights(networks.autoencoder, _below(learned, f"{AUTOENCODER}."), where=folder)
    networks.to(eyes.volume.device).autoencoder.load_state_dict(_below(learned, f"{AUTOENCODER}."))
    if not _below(learned, "diffusion."):
        volumes = torch.split(eyes.volume[0], ENCODED_AT_ONCE)
        networks.autoencoder.measure_latents(as_network_values(part).unsqueeze(2) for part in volumes)


def _below(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


METHOD = LearnedMethod("ldm", LdmSettings, stages)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The trained generator in ``folder``."""
    return load_generator(METHOD, make_networks, device=device, folder=folder)
