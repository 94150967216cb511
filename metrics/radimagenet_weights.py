"""The RadImageNet ResNet-50 weights as named arrays, from any of the layouts in which honest copies are found.

Accepted: the authors' file (``backbone.<i>.``, a Sequential of ResNet-50's children), torchvision's names, and
safetensors of either. Refused: ports of the Keras file, which are another network, whole pickled models, and anything
with an array missing. Called by `weight_install`. Loads no torch.
"""

from __future__ import annotations

import re
from typing import Final

from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.state_dict_file import Arrays, checked, read_arrays

CHILDREN: Final = {0: "conv1", 1: "bn1", 4: "layer1", 5: "layer2", 6: "layer3", 7: "layer4"}
"""ResNet-50's children that hold arrays, by their place in ``nn.Sequential(*resnet50().children())``; 2, 3 and 8 are
the ReLU and two poolings."""

STAGES: Final = ((3, 64), (4, 128), (6, 256), (3, 512))
"""Blocks and width of layer1 to layer4: He et al., Deep Residual Learning, CVPR 2016, table 1."""

_KERAS: Final = re.compile(r"(^|\.)(conv\d*|downsample\.0|backbone\.0)\.bias$|conv\d+_block|_conv[./]|_bn[./]|:0$")
"""Names that only a port of the Keras file has: its convolutions have biases."""


def array_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array, in torchvision's names, without the classifier."""
    shapes = _unit("conv1", "bn1", (64, 3, 7, 7))
    channels = 64
    for stage, (blocks, width) in enumerate(STAGES, start=1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            shapes |= _unit(f"{name}.conv1", f"{name}.bn1", (width, channels, 1, 1))
            shapes |= _unit(f"{name}.conv2", f"{name}.bn2", (width, width, 3, 3))
            shapes |= _unit(f"{name}.conv3", f"{name}.bn3", (4 * width, width, 1, 1))
            if block == 0:
                shapes |= _unit(f"{name}.downsample.0", f"{name}.downsample.1", (4 * width, channels, 1, 1))
            channels = 4 * width
    return shapes


def arrays_from_file(data: bytes) -> Arrays:
    """Named float32 arrays in torchvision's names, every one of them; only the classifier may be missing or present.

    Raises:
        BenchError: E_WEIGHTS for any other file, naming what differs.
    """
    arrays = read_arrays(data)
    if keras := sorted(name for name in arrays if _KERAS.search(name)):
        raise BenchError(
            "E_WEIGHTS",
            "this is a port of the Keras file, which is a different network (convolutions with a bias, and the stride "
            "on the first 1 x 1 convolution of a block)",
            expected="the authors' PyTorch file, or a copy of it",
            found=", ".join(keras[:3]),
        )
    return checked({_torchvision_name(name): array for name, array in arrays.items()}, array_shapes(), ignored=("fc.",))


def _torchvision_name(name: str) -> str:
    """``backbone.4.0.conv1.weight`` -> ``layer1.0.conv1.weight``; torchvision's names stay."""
    match = re.fullmatch(r"(?:module\.)?backbone\.(\d+)\.(.+)", name)
    if match is None or int(match.group(1)) not in CHILDREN:
        return name
    return f"{CHILDREN[int(match.group(1))]}.{match.group(2)}"


def _unit(convolution: str, normalisation: str, kernel: tuple[int, int, int, int]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{convolution}.weight": kernel}
    for statistic in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"{normalisation}.{statistic}"] = kernel[:1]
    return shapes
