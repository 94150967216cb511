"""Baseline `gan`: a conditional adversarial network from photograph to volume, in the style of pix2pix in three
dimensions.

Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017; the nearest challenge
baseline is the Pix2Pix-3D of BraTS-inpainting 2023. One stage of training with two optimisers: a discriminator of
patches, then the generator. The absolute error may be taken of pooled pictures: speckle cannot be predicted, and an
error pixel by pixel would teach the generator to leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.networks.pix2pix3d import (
    PatchDiscriminator,
    PatchDiscriminatorConfig,
    Pix2PixConfig,
    Pix2PixGenerator,
    discriminator_loss,
    translation_loss,
)
from fundus2oct.baselines.networks.retina_shape import RetinaShape, measured_shape
from fundus2oct.baselines.training.encoder_weights import load_encoder
from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.photograph_scale import measure_photographs
from fundus2oct.baselines.training.step_random import StepRandom
from fundus2oct.baselines.training.task import LOSS, Losses, Stage, Update, learnable
from fundus2oct.baselines.training.train_settings import DataSettings, TrainSettings
from fundus2oct.baselines.training.trained_generator import load_generator
from fundus2oct.benchmark.generator import Generator
from fundus2oct.metrics.scan_geometry import N_BSCANS


@dataclass(frozen=True, kw_only=True)
class GanSettings:
    """Settings of `gan`.

    Attributes:
        data, conditioning, train: as for every learned method.
        generator: shape of the generator; its height and width are those of ``data``.
        discriminator: shape of the discriminator.
        adversarial: kind of the adversarial loss.
        l1_weight: weight of the absolute error beside the adversarial loss, which has weight 1.
        l1_pool: the absolute error is taken of pictures pooled by this factor; 1 is pix2pix.
        discriminator_lr: learning rate of the discriminator as a multiple of the generator's.
        encoder_weights: checkpoint of the fundus encoder's backbone; empty for none.
    """

    data: DataSettings
    train: TrainSettings
    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    generator: Pix2PixConfig = field(default_factory=Pix2PixConfig)
    discriminator: PatchDiscriminatorConfig = field(default_factory=PatchDiscriminatorConfig)
    adversarial: Literal["lsgan", "hinge"] = "lsgan"
    l1_weight: float = 100.0
    l1_pool: int = 1
    discriminator_lr: float = 1.0
    encoder_weights: str = ""

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit together."""
        if self.generator.maps.across != self.conditioning.across:
            across = (self.conditioning.across, self.generator.maps.across)
            raise ValueError(f"maps.across: expected conditioning.across = {across[0]}, found {across[1]}")
        self.data.check_divisible(2 ** (len(self.generator.multipliers) - 1))
        self.data.check_divisible(self.l1_pool)


class GanNetworks(nn.Module):
    """What generates: the generator, and the shapes of volumes in the frame."""

    def __init__(self, settings: GanSettings) -> None:
        super().__init__()
        self.shape = RetinaShape(settings.data.thickness_chance) if settings.data.framed else None
        height, width = settings.data.height, settings.data.width
        self.generator = Pix2PixGenerator(replace(settings.generator, height=height, width=width))
        self._shape = (N_BSCANS, 1, height, width)

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """Volumes for (b, 3, S, S) and (b, 6, 3, k, w), with a seed an eye: (b, 6, 1, h, w)."""
        noise = torch.from_numpy(batch_noise(seeds, self._shape)).to(fundus.device)
        return torch.as_tensor(self.generator(fundus, strips, noise))


def make_networks(settings: GanSettings) -> GanNetworks:
    """The networks that a profile describes."""
    return GanNetworks(settings)


class GanTask:
    """Teaches the discriminator to tell real volumes from drawn ones, and the generator to be taken for real."""

    def __init__(self, settings: GanSettings, networks: GanNetworks) -> None:
        self.networks = networks
        self.companions = PatchDiscriminator(settings.discriminator)
        self.updates = (
            Update(
                "discriminator",
                learnable(self.companions),
                self._discriminator_losses,
                lr_scale=settings.discriminator_lr,
            ),
            Update("generator", learnable(networks), self._generator_losses),
        )
        self._settings = settings

    def _draw(self, batch: Batch, random: StepRandom) -> Tensor:
        noise = random.normal(batch.volume.shape)
        return torch.as_tensor(self.networks.generator(batch.fundus, batch.strips, noise))

    def _discriminator_losses(self, batch: Batch, random: StepRandom) -> Losses:
        with torch.no_grad():
            drawn = self._draw(batch, random)
        real, generated = (self.companions(volume, batch.strips).float() for volume in (batch.volume, drawn))
        return {LOSS: discriminator_loss(real, generated, kind=self._settings.adversarial)}

    def _generator_losses(self, batch: Batch, random: StepRandom) -> Losses:
        drawn = self._draw(batch, random)
        settings = self._settings
        real, generated = (
            functional.avg_pool2d(volume.flatten(0, 1).float(), settings.l1_pool) for volume in (batch.volume, drawn)
        )
        judged = self.companions(drawn, batch.strips)
        return translation_loss(real, generated, judged, kind=settings.adversarial, l1_weight=settings.l1_weight)

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """Volumes of a batch's eyes."""
        assert isinstance(networks, GanNetworks)
        return networks.draw(batch.fundus, batch.strips, seeds)


def stages(settings: GanSettings) -> Sequence[Stage]:
    """One stage."""

    def make_task(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> GanTask:
        networks = make_networks(settings)
        networks.shape = measured_shape(eyes.shapes, settings.data.thickness_chance)
        measure_photographs(networks, eyes)
        load_encoder(networks.generator.fundus_encoder, settings.encoder_weights)
        return GanTask(settings, networks)

    return (Stage("volumes", 1.0, make_task),)


METHOD = LearnedMethod("gan", GanSettings, stages)


def make_generator(*, device: str, folder: Path) -> Generator:
    """The trained generator in ``folder``."""
    return load_generator(METHOD, make_networks, device=device, folder=folder)
