"""One process, or several that `torchrun` started: who writes, and how they agree.

Every process holds the whole network and a share of the batch; gradients are averaged after the backward pass. The
first process decides when to stop, measures time and writes files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from fundus2oct.metrics.errors import BenchError, ExitCode


class Processes:
    """The processes of one training.

    Attributes:
        rank: number of this process, from 0.
        count: how many there are.
        device: what this process computes on.
    """

    def __init__(self, rank: int, count: int, device: torch.device) -> None:
        self.rank, self.count, self.device = rank, count, device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat / self.count, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, *values: float) -> tuple[float, ...]:
        """The values of the first process, in every process."""
        if self.count == 1:
            return values
        told = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(told, src=0)
        return tuple(told.tolist())

    def anyone(self, wish: bool) -> bool:
        """Whether at least one process has this wish."""
        if self.count == 1:
            return wish
        told = torch.tensor([float(wish)], device=self.device)
        distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
        return bool(told.item())

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values / self.count


@contextlib.contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the others where `torchrun` started this process, and leave them at the end.

    Raises:
        BenchError: E_DEVICE when the device is not there; exit code 2.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = chosen_device(device, local_rank=int(os.environ.get("LOCAL_RANK", "0")))
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(rank, count, chosen)
    finally:
        distributed.destroy_process_group()


def chosen_device(device: str, *, local_rank: int = 0) -> torch.device:
    """The device called ``device``; `auto` is a GPU where torch finds one.

    Raises:
        BenchError: E_DEVICE when there is no such device; exit code 2.
    """
    name = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(name)
    except RuntimeError:
        raise _no_device(device) from None
    if chosen.type not in ("cpu", "cuda") or (chosen.type == "cuda" and not torch.cuda.is_available()):
        raise _no_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", local_rank if chosen.index is None else chosen.index)
        if chosen.index >= torch.cuda.device_count():
            raise _no_device(device)
        torch.cuda.set_device(chosen)
    return chosen


def _no_device(device: str) -> BenchError:
    expected = "auto, cpu" + "".join(f", cuda:{number}" for number in range(torch.cuda.device_count()))
    return BenchError(
        "E_DEVICE", "no such device", where="--device", expected=expected, found=device, exit_code=ExitCode.USAGE
    )
