"""What the loop trains: a task gives networks, losses and samples; the loop gives batches, randomness and time.

A method trains in one stage or in several; every stage is a task of its own, made when its turn comes from what the
stages before it have learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors
from fundus2oct.baselines.training.step_random import StepRandom

Losses = dict[str, Tensor]
"""Scalars by name; the one called "loss" is made smaller, the others are shown."""

LOSS = "loss"


@dataclass(frozen=True)
class Update:
    """One optimiser step of several in a training step.

    Attributes:
        name: what is updated, such as "generator".
        parameters: what its optimiser owns.
        losses: from a batch and randomness to losses.
        lr_scale: its learning rate as a multiple of the profile's.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    losses: Callable[[Batch, StepRandom], Losses]
    lr_scale: float = 1.0


def learnable(networks: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [parameter for parameter in networks.parameters() if parameter.requires_grad]


class Task(Protocol):
    """One stage of a training."""

    @property
    def networks(self) -> nn.Module:
        """What is learned and kept; its moving average is what generates."""
        ...

    @property
    def companions(self) -> nn.Module:
        """What is trained beside it and needed for training alone, such as a discriminator."""
        ...

    @property
    def updates(self) -> Sequence[Update]:
        """The optimiser steps of one training step, in order."""
        ...

    def sample(self, networks: nn.Module, batch: Batch, seeds: Sequence[int]) -> Tensor:
        """Draw the volumes of a batch's eyes with the given networks: (b, 6, 1, h, w) float32, about -1..1."""
        ...


@dataclass(frozen=True)
class Stage:
    """One stage of a method's training.

    Attributes:
        name: such as "autoencoder".
        share: part of the budget.
        make_task: from the eyes and the learned networks of the stage before (none for the first) to the task.
        shows: what `sample` draws, in a word, for the sample sheet.
        takes_unpaired: whether B-scans without a photograph are trained on too.
    """

    name: str
    share: float
    make_task: Callable[[EyeTensors, Mapping[str, Tensor]], Task]
    shows: str = "generated"
    takes_unpaired: bool = False
