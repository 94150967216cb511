"""Small inputs and half-trained networks that the tests of networks share."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def randomised(network: Network, seed: int = 0) -> Network:
    """The network after some training, as it were: no parameter is zero any more."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network


def without_gradient(network: nn.Module) -> list[str]:
    """Names of the learned parameters that the last backward pass did not reach."""
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    return [name for name, p in named if p.grad is None or not bool(p.grad.abs().sum() > 0)]
