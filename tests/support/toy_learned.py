"""A learned method small enough to train in a blink: two stages, two optimisers, randomness in every step.

The networks are one convolution each; nothing they draw looks like a retina. The loop, the checkpoints and the folders
are tested on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines.catalogue import Method
from fundus2oct.baselines.networks.case_noise import batch_noise
from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.step_random import StepRandom
from fundus2oct.baselines.training.task import Losses, Stage, Update
from fundus2oct.baselines.training.train_settings import DataSettings, TrainSettings
from fundus2oct.baselines.training.trained_generator import load_generator

TrainToy = Callable[..., bool]
"""Trains the toy into a folder: a fixture of the training tests."""

DATA = DataSettings(height=8, width=12, mirror=0.5)
CONDITIONING = ConditioningConfig(fundus_size=16, along=12, across=2)


@dataclass(frozen=True, kw_only=True)
class ToySettings:
    """Settings of the toy."""

    train: TrainSettings
    data: DataSettings = DATA
    conditioning: ConditioningConfig = CONDITIONING
    channels: int = 4


class ToyNetworks(nn.Module):
    """A grey level from the photograph's mean, and dropout, which draws from torch's global stream."""

    posture = None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mixed = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.Dropout(0.2), nn.Conv2d(channels, 1, 1))
        self.photograph = nn.Linear(3, 1)
        self.register_buffer("steps_seen", torch.zeros(()))

    def forward(self, noise: Tensor, fundus: Tensor) -> Tensor:
        """noise: (b, 6, 1, h, w); fundus: (b, 3, S, S)."""
        level = self.photograph(fundus.mean((2, 3)))[:, :, None, None, None]
        return torch.as_tensor(self.mixed(noise.flatten(0, 1)).reshape(noise.shape) + level)

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """A volume for each seed."""
        noise = torch.from_numpy(batch_noise(seeds, (6, 1, DATA.height, DATA.width))).to(fundus)
        return self(noise, fundus)


class ToyTask:
    """Two updates: the networks, and a companion that learns what the networks' loss is."""

    def __init__(self, networks: ToyNetworks) -> None:
        self.networks = networks
        self.companions = nn.Linear(1, 1)
        self.updates = (
            Update("companion", list(self.companions.parameters()), self._companion, lr_scale=0.5),
            Update("networks", list(networks.parameters()), self._networks),
        )

    def _error(self, batch: Batch, random: StepRandom) -> Tensor:
        drawn = self.networks(random.normal(batch.volume.shape), batch.fundus)
        return functional.l1_loss(drawn, batch.volume)

    def _companion(self, batch: Batch, random: StepRandom) -> Losses:
        return {"loss": (self.companions(self._error(batch, random).detach().view(1)) ** 2).sum()}

    def _networks(self, batch: Batch, random: StepRandom) -> Losses:
        self.networks.steps_seen += 1
        error = self._error(batch, random)
        return {"loss": error + 0.1 * self.companions(error.view(1)).sum() ** 2, "l1": error}

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """A volume for each seed."""
        assert isinstance(networks, ToyNetworks)
        return networks.draw(batch.fundus, batch.strips, seeds)


def stages(settings: ToySettings) -> Sequence[Stage]:
    """A first stage, and a second one that goes on with its networks on unpaired B-scans too."""

    def make(eyes: EyeTensors, learned: Mapping[str, Tensor]) -> ToyTask:
        networks = ToyNetworks(settings.channels)
        if learned:
            networks.load_state_dict(learned)
        return ToyTask(networks)

    return (Stage("first", 0.5, make), Stage("second", 0.5, make, takes_unpaired=True))


METHOD = LearnedMethod("toy", ToySettings, stages)
CATALOGUE_ENTRY = Method(
    name="toy", module="toy_learned", kind="baseline", title="Toy", description="Learns a grey level."
)


def make_generator(*, device: str, folder: object) -> object:
    """The trained toy."""
    return load_generator(METHOD, lambda settings: ToyNetworks(settings.channels), device=device, folder=folder)  # type: ignore[arg-type]
