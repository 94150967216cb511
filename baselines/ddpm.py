"""Baseline `ddpm`: denoising diffusion in pixel space at reduced size, given the photograph.

Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020, with zero terminal signal-to-noise ratio (Lin et
al., WACV 2024) and v- or x0-prediction; the network is the pseudo-3D U-Net of `baselines.networks`. One stage of
training. What it draws is resized to the benchmark's size: finer speckle than its own pixels it cannot draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.networks.denoiser import DenoiserConfig
from fundus2oct.baselines.networks.diffusion import DiffusionConfig, SamplingConfig
from fundus2oct.baselines.networks.retina_shape import RetinaShape, measured_shape
from fundus2oct.baselines.networks.standardisation import Standardisation, moments
from fundus2oct.baselines.training.diffusion_networks import DiffusionNetworks
from fundus2oct.baselines.training.encoder_weights import load_encoder
from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors, as_network_values
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.photograph_scale import measure_photographs
from fundus2oct.baselines.training.step_random import StepRandom
from fundus2oct.baselines.training.task import LOSS, Losses, Stage, Update, learnable
from fundus2oct.baselines.training.train_settings import DataSettings, TrainSettings, check_condition
from fundus2oct.baselines.training.trained_generator import load_generator
from fundus2oct.benchmark.generator import Generator
from fundus2oct.metrics.scan_geometry import N_BSCANS

READ_AT_ONCE = 8
"""Eyes whose mean is summed together."""
MIN_SPREAD = 1 / 127.5
"""One grey level, of values in -1..1: where training volumes are nearly equal, what is drawn is nearly that, too."""


@dataclass(frozen=True, kw_only=True)
class DdpmSettings:
    """Settings of `ddpm`.

    Attributes:
        data, conditioning, train: as for every learned method.
        denoiser: shape of the networks.
        diffusion: noise schedule.
        sampling: how volumes are drawn.
        patch: side of the squares of pixels that the network sees as one place with so many channels (Hoogeboom et
            al., "Simple diffusion", ICML 2023): no pixel is lost, and the network costs patch x patch times less.
        standardised: whether diffusion works on the difference to the mean training volume, place by place in units of
            its standard deviation, and not on grey levels: noise and data then have the same scale everywhere (Karras
            et al., "Elucidating the design space", NeurIPS 2022), in dark vitreous and in bright layers, and where a
            retina usually lies is known from the start.
        photograph_dropped: chance that training takes the photograph away, for guidance.
        encoder_weights: checkpoint of the fundus encoder's backbone; empty for none.
    """

    data: DataSettings
    train: TrainSettings
    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    patch: int = 1
    standardised: bool = False
    photograph_dropped: float = 0.1
    encoder_weights: str = ""

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit together."""
        check_condition(self.conditioning, self.denoiser)
        if self.standardised and self.diffusion.clip:
            raise ValueError("diffusion.clip: expected false with standardised pictures, which have no fixed range")
        self.data.check_divisible(self.patch * 2 ** (len(self.denoiser.unet.multipliers) - 1))


class DdpmNetworks(DiffusionNetworks):
    """Diffusion of pixels, ``patch`` x ``patch`` of them at a place.

    Attributes:
        scale: of grey levels, (6, 1, h, w); does nothing where pictures are not standardised.
    """

    def __init__(self, settings: DdpmSettings) -> None:
        self._patch = settings.patch
        channels = settings.patch**2
        unet = replace(settings.denoiser.unet, in_channels=channels, out_channels=channels)
        size = (settings.data.height // settings.patch, settings.data.width // settings.patch)
        super().__init__(
            replace(settings.denoiser, unet=unet),
            settings.diffusion,
            settings.sampling,
            (N_BSCANS, channels, *size),
            settings.photograph_dropped,
        )
        self.shape = RetinaShape(settings.data.thickness_chance) if settings.data.framed else None
        self.scale = Standardisation((N_BSCANS, 1, settings.data.height, settings.data.width))

    def measure(self, volumes: Iterable[Tensor]) -> None:
        """Take mean and spread from training volumes, each (b, 6, 1, h, w)."""
        mean, variance = moments(volumes)
        self.scale.take(mean, variance.sqrt().clamp(min=MIN_SPREAD))

    def patches(self, volume: Tensor) -> Tensor:
        """(b, 6, 1, h, w) to (b, 6, patch * patch, h / patch, w / patch), standardised."""
        places = functional.pixel_unshuffle(self.scale(volume).flatten(0, 1), self._patch)
        return places.reshape(*volume.shape[:2], *places.shape[1:])

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """Volumes for (b, 3, S, S) and (b, 6, 3, k, w), with a seed an eye: (b, 6, 1, h, w)."""
        drawn = super().draw(fundus, strips, seeds)
        pixels = functional.pixel_shuffle(drawn.flatten(0, 1), self._patch)
        return self.scale.inverse(pixels.reshape(*drawn.shape[:2], *pixels.shape[1:]))


def make_networks(settings: DdpmSettings) -> DdpmNetworks:
    """The networks that a profile describes."""
    return DdpmNetworks(settings)


class DdpmTask:
    """Learns to take noise away from volumes."""

    def __init__(self, networks: DdpmNetworks) -> None:
        self.networks = networks
        self.companions = nn.Module()
        self.updates = (Update("denoiser", learnable(networks), self._losses),)

    def _losses(self, batch: Batch, random: StepRandom) -> Losses:
        return {LOSS: self.networks.loss(self.networks.patches(batch.volume), batch.fundus, batch.strips, random)}

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """Volumes of a batch's eyes."""
        assert isinstance(networks, DdpmNetworks)
        return networks.draw(batch.fundus, batch.strips, seeds)


def stages(settings: DdpmSettings) -> Sequence[Stage]:
    """One stage."""

    def make_task(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> DdpmTask:
        networks = make_networks(settings)
        networks.shape = measured_shape(eyes.shapes, settings.data.thickness_chance)
        measure_photographs(networks, eyes)
        if settings.standardised:
            networks.measure(as_network_values(part).unsqueeze(2) for part in torch.split(eyes.volume[0], READ_AT_ONCE))
        load_encoder(networks.denoiser.fundus_encoder, settings.encoder_weights)
        return DdpmTask(networks)

    return (Stage("volumes", 1.0, make_task),)


METHOD = LearnedMethod("ddpm", DdpmSettings, stages)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The trained generator in ``folder``."""
    return load_generator(METHOD, make_networks, device=device, folder=folder)
