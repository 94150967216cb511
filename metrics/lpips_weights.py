"""The weights of LPIPS as named arrays: AlexNet's five convolutions, and the learned weighting of their outputs.

Two files of two publishers, hence two entries of the registry. Called by `weight_install`; the network is in
`perceptual_similarity`. Loads no torch.
"""

from __future__ import annotations

from typing import Final

from fundus2oct.metrics.state_dict_file import Arrays, checked, read_arrays

CONVOLUTIONS: Final = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
}
"""Kernels of AlexNet as torchvision has it (Krizhevsky, arXiv:1404.5997)."""


def trunk_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the trunk."""
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": kernel for name, kernel in CONVOLUTIONS.items()}
    return shapes | {f"{name}.bias": kernel[:1] for name, kernel in CONVOLUTIONS.items()}


def head_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of the five heads."""
    return {f"lin{i}.model.1.weight": (1, kernel[0], 1, 1) for i, kernel in enumerate(CONVOLUTIONS.values())}


def trunk_from_state_dict(data: bytes) -> Arrays:
    """AlexNet's convolutions from torchvision's file; its classifier is not used.

    Raises:
        BenchError: E_WEIGHTS for any other file.
    """
    return checked(read_arrays(data), trunk_shapes(), ignored=("classifier.",))


def heads_from_state_dict(data: bytes) -> Arrays:
    """The five linear heads of LPIPS 0.1.

    Raises:
        BenchError: E_WEIGHTS for any other file.
    """
    return checked(read_arrays(data), head_shapes())
