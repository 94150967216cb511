"""Run under torchrun: trains the toy in several processes and writes down whether they agree at the end.

Usage: torchrun --nproc-per-node 2 two_processes.py DATA OUT REPORT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
import toy_learned
from torch import Tensor

from fundus2oct.baselines.training import training_folder
from fundus2oct.baselines.training.loop import Training
from fundus2oct.baselines.training.processes import Processes
from fundus2oct.baselines.training.train_settings import TrainSettings
from fundus2oct.benchmark.dataset import read_dataset


class Watched(Training):
    """A training that compares its processes when it is done."""

    def run(self, state: Any = None) -> dict[str, Tensor]:
        """Train; the first process writes the report."""
        learned = super().run(state)
        flat = torch.cat([tensor.flatten() for tensor in learned.values()])
        everyone = [torch.empty_like(flat) for _ in range(self.processes.count)]
        distributed.all_gather(everyone, flat)
        report = {
            "processes": self.processes.count,
            "difference": max(float((other - flat).abs().max()) for other in everyone),
            "mean_gradient": mean_gradient(self.processes),
        }
        if self.processes.is_first:
            Path(sys.argv[3]).write_text(json.dumps(report))
        return learned


def mean_gradient(processes: Processes) -> float:
    """What averaging makes of the gradients 1, 2, ..."""
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.full((3,), float(processes.rank + 1))
    processes.average_gradients([parameter])
    return float(parameter.grad[0])


def main() -> None:
    """Train the toy for a few steps."""
    torch.set_num_threads(1)
    training_folder.Training = Watched  # type: ignore[misc]  # what the folder's training is made of
    request = training_folder.TrainingRequest(
        method=toy_learned.CATALOGUE_ENTRY, dataset=read_dataset(Path(sys.argv[1])), profile="toy", device="cpu"
    )
    settings = toy_learned.ToySettings(train=TrainSettings(steps=6, batch=4, warmup=0, lr=0.01))
    training_folder.train_into(Path(sys.argv[2]), toy_learned.METHOD, settings, request)


if __name__ == "__main__":
    main()
