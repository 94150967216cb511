"""The I3D weights as named arrays: the network's layer table, and a reading of the published pickle that runs nothing.

Called by `weight_install` (through the registry's converter) and, for the layer table, by `i3d`. The network itself is
in `i3d`. Loads no torch.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.errors import BenchError

INCEPTION_CHANNELS: Final[dict[str, tuple[int, int, int, int, int, int]]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Output channels of each Inception block's six convolutions: branch 0; branch 1 (reduce, 3x3x3); branch 2 (reduce,
3x3x3); branch 3. Widths of Szegedy et al., Going Deeper with Convolutions, CVPR 2015, table 1, inflated to 3D by
Carreira and Zisserman, CVPR 2017, figure 3."""

LOGITS: Final = "Logits/Conv3d_0c_1x1"
N_CLASSES: Final = 400

_ALLOWED_GLOBALS: Final = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


def kernel_shapes() -> dict[str, tuple[int, int, int, int, int]]:
    """Kernel shape of every convolution, by name: (time, height, width, channels in, channels out)."""
    shapes = {
        "Conv3d_1a_7x7": (7, 7, 7, 3, 64),
        "Conv3d_2b_1x1": (1, 1, 1, 64, 64),
        "Conv3d_2c_3x3": (3, 3, 3, 64, 192),
    }
    channels = 192
    for block, (b0, b1_reduce, b1, b2_reduce, b2, b3) in INCEPTION_CHANNELS.items():
        shapes[f"{block}/Branch_0/Conv3d_0a_1x1"] = (1, 1, 1, channels, b0)
        shapes[f"{block}/Branch_1/Conv3d_0a_1x1"] = (1, 1, 1, channels, b1_reduce)
        shapes[f"{block}/Branch_1/Conv3d_0b_3x3"] = (3, 3, 3, b1_reduce, b1)
        shapes[f"{block}/Branch_2/Conv3d_0a_1x1"] = (1, 1, 1, channels, b2_reduce)
        shapes[f"{block}/Branch_2/Conv3d_0b_3x3"] = (3, 3, 3, b2_reduce, b2)
        shapes[f"{block}/Branch_3/Conv3d_0b_1x1"] = (1, 1, 1, channels, b3)
        channels = b0 + b1 + b2 + b3
    shapes[LOGITS] = (1, 1, 1, channels, N_CLASSES)
    return shapes


def array_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the installed file: kernels, and batch normalisation without scale."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, kernel in kernel_shapes().items():
        shapes[f"{name}/kernel"] = kernel
        for statistic in ("bias",) if name == LOGITS else ("bias", "mean", "var"):
            shapes[f"{name}/{statistic}"] = kernel[-1:]
    return shapes


def arrays_from_pickle(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Named float32 arrays from the published checkpoint, checked against `array_shapes`.

    Args:
        data: the checkpoint's bytes; a nested dictionary of numpy arrays, pickled.

    Raises:
        BenchError: E_WEIGHTS for a pickle that names anything but numpy arrays, or arrays other than I3D's.
    """
    try:
        tree = _ArraysOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError, IndexError) as error:
        raise BenchError("E_WEIGHTS", f"not the expected checkpoint: {error}") from error
    arrays = {_short_name(path): leaf for path, leaf in _leaves(tree)}
    expected = array_shapes()
    if arrays.keys() != expected.keys():
        differing = sorted(arrays.keys() ^ expected.keys())
        raise BenchError("E_WEIGHTS", "arrays missing or unexpected in the checkpoint", found=", ".join(differing[:5]))
    return {name: _checked(arrays[name], name, shape) for name, shape in expected.items()}


class _ArraysOnly(pickle.Unpickler):
    """Unpickler that can build numpy arrays and nothing else: any other global in the file ends the reading."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) not in _ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")
        if global_name == "_reconstruct":
            return _reconstruct()
        return getattr(np, global_name)


def _reconstruct() -> Any:
    """Numpy's array rebuilder, whose module numpy 2 renamed: taken from an array, not from a private module's path."""
    return np.empty(0).__reduce__()[0]


def _leaves(tree: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path, tree


def _short_name(path: tuple[str, ...]) -> str:
    """``("params", "Conv3d_1a_7x7", "Conv_0", "kernel")`` -> ``Conv3d_1a_7x7/kernel``."""
    return "/".join(part for part in path[1:] if part not in ("Conv_0", "BatchNorm_0"))


def _checked(leaf: object, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if not isinstance(leaf, np.ndarray) or leaf.dtype != np.float32:
        raise BenchError("E_WEIGHTS", "wrong type in the checkpoint", where=name, expected="float32 array")
    array = leaf.reshape(-1) if len(shape) == 1 and set(leaf.shape[:-1]) <= {1} else leaf
    if array.shape != shape:
        raise BenchError(
            "E_WEIGHTS", "wrong shape in the checkpoint", where=name, expected=str(shape), found=str(leaf.shape)
        )
    return np.ascontiguousarray(array)
