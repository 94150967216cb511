"""One stage of a training, step by step: forward, backward, optimiser, moving average.

Nothing here reads a file or a clock. A step's randomness follows from (seed, stage, step), so a stage that is saved
and loaded goes on bit for bit as if it had never stopped, on the same device with the same number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fundus2oct.baselines.training.eye_tensors import Batch, EyeTensors
from fundus2oct.baselines.training.learning_rate import learning_rate
from fundus2oct.baselines.training.processes import Processes
from fundus2oct.baselines.training.step_random import StepRandom, batch_indices, seed_everything
from fundus2oct.baselines.training.task import LOSS, Losses, Task, Update
from fundus2oct.baselines.training.train_settings import TrainSettings

MIRROR_STREAM = 1000
"""Number of the stream that decides about mirror images, beyond those of the updates."""


@dataclass(frozen=True)
class StageKey:
    """What the randomness of a stage follows from: the training's seed and the stage's number."""

    seed: int
    stage: int


class StageRun:
    """The networks of one stage while they learn.

    Attributes:
        task: what is trained.
        averaged: the moving average of the task's networks.
        step: optimiser steps done.
    """

    def __init__(
        self, key: StageKey, task: Task, eyes: EyeTensors, settings: TrainSettings, processes: Processes
    ) -> None:
        self.task, self.step = task, 0
        self._key, self._eyes, self._settings, self._processes = key, eyes, settings, processes
        for module in (task.networks, task.companions):
            _with_channels_last(module.to(processes.device).train())
        decay = get_ema_multi_avg_fn(settings.ema)  # type: ignore[no-untyped-call]  # torch's own
        self.averaged = AveragedModel(task.networks, multi_avg_fn=decay)
        self.averaged.eval()
        self._optimisers = [self._optimiser(update) for update in task.updates]

    def _optimiser(self, update: Update) -> torch.optim.AdamW:
        settings = self._settings
        return torch.optim.AdamW(
            update.parameters, lr=settings.lr, betas=settings.betas, weight_decay=settings.weight_decay
        )

    def advance(self, used: float) -> dict[str, Tensor]:
        """One step, ``used`` of the budget being gone; returns every loss and gradient norm, detached."""
        seed_everything(*self._keys())
        lr = self.lr(used)
        told: dict[str, Tensor] = {}
        for number, (update, optimiser) in enumerate(zip(self.task.updates, self._optimisers, strict=True)):
            for group in optimiser.param_groups:
                group["lr"] = lr * update.lr_scale
            optimiser.zero_grad(set_to_none=True)
            for part in range(self._settings.parts):
                losses = self._backward(number, update, part)
                told |= {
                    name: told.get(name, 0) + loss.detach() / self._settings.parts for name, loss in losses.items()
                }
            told[f"{update.name}_gradient"] = self._finish_gradients(update)
            optimiser.step()
        self.averaged.update_parameters(self.task.networks)
        self.step += 1
        return told

    def lr(self, used: float) -> float:
        """The learning rate of the coming step."""
        return learning_rate(self._settings.lr, warmup=self._settings.warmup, step=self.step, used=used)

    def _keys(self) -> tuple[int, int, int, int]:
        return self._key.seed, self._key.stage, self.step, self._processes.rank

    def _backward(self, number: int, update: Update, part: int) -> Losses:
        device = self._processes.device
        random = StepRandom((*self._keys(), number, part), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            losses = update.losses(self.batch(part), random)
        (losses[LOSS] / self._settings.parts).backward()  # type: ignore[no-untyped-call]  # torch's own
        own = f"{update.name}_{LOSS}" if len(self.task.updates) > 1 else LOSS
        return {own if name == LOSS else name: loss for name, loss in losses.items()}

    def _finish_gradients(self, update: Update) -> Tensor:
        """Average over the processes and clip; the norm before clipping is returned."""
        self._processes.average_gradients(update.parameters)
        most = self._settings.clip or float("inf")
        return torch.nn.utils.clip_grad_norm_(update.parameters, most).detach()

    def batch(self, part: int) -> Batch:
        """The share of the coming step's batch that this process computes in part ``part``."""
        count = self._settings.batch // self._processes.count // self._settings.parts
        place = (self.step * self._processes.count + self._processes.rank) * self._settings.parts + part
        index = batch_indices(
            len(self._eyes), seed=self._key.seed, stage=self._key.stage, start=place * count, count=count
        )
        device = self._processes.device
        random = StepRandom((*self._keys(), MIRROR_STREAM, part), device)
        variant = (random.uniform((count,)) < self._eyes.mirror).long()
        return self._eyes.batch(torch.from_numpy(index).to(device), variant)

    def weights(self) -> dict[str, Tensor]:
        """The averaged networks: averaged parameters, and buffers as they are."""
        with torch.no_grad():
            for mine, theirs in zip(self.averaged.module.buffers(), self.task.networks.buffers(), strict=True):
                mine.copy_(theirs)
        return dict(self.averaged.module.state_dict())

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs."""
        return {
            "step": self.step,
            "networks": self.task.networks.state_dict(),
            "companions": self.task.companions.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.step = int(state["step"])
        self.task.networks.load_state_dict(state["networks"])
        self.task.companions.load_state_dict(state["companions"])
        self.averaged.load_state_dict(state["averaged"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)


def _with_channels_last(module: nn.Module) -> None:
    """Lay out the kernels of convolutions in a plane so that channels are neighbours in memory: up to twice as fast."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
