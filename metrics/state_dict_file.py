"""Reading published PyTorch checkpoints as plain named arrays, without running anything that is in them.

Tensors and containers are all that is accepted: a file that would rebuild a whole model is refused by the name of what
it asks for. Called by the converters of the weights registry. Imports torch late.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.errors import BenchError

Arrays = dict[str, NDArray[np.float32]]


def read_arrays(data: bytes) -> Arrays:
    """Every floating-point tensor of a state dictionary, by its name; counters are left out.

    Args:
        data: a PyTorch file of tensors, possibly under one key ``state_dict``; or a safetensors file.

    Raises:
        BenchError: E_WEIGHTS for a whole-model pickle, by name; for anything that is neither.
    """
    tree = _safetensors(data) if _is_safetensors(data) else _state_dict(data)
    return {name: array.astype(np.float32) for name, array in tree.items() if array.dtype.kind == "f"}


def checked(arrays: Arrays, shapes: Mapping[str, tuple[int, ...]], *, ignored: tuple[str, ...] = ()) -> Arrays:
    """Exactly the arrays of ``shapes``: nothing missing, nothing of another shape, nothing more than ``ignored``.

    Args:
        arrays: what was read.
        shapes: name -> shape of every array that the network needs.
        ignored: prefixes of names that may be there and are not used.

    Raises:
        BenchError: E_WEIGHTS with the first names that differ.
    """
    kept = {name: array for name, array in arrays.items() if not name.startswith(ignored or ("\0",))}
    if differing := sorted(kept.keys() ^ shapes.keys()):
        missing = sum(name in shapes for name in differing)
        raise BenchError(
            "E_WEIGHTS",
            f"not the expected network: {missing} arrays missing, {len(differing) - missing} unexpected",
            expected=f"{len(shapes)} arrays",
            found=", ".join(differing[:4]),
        )
    for name, shape in shapes.items():
        if kept[name].shape != shape:
            found = str(kept[name].shape)
            raise BenchError("E_WEIGHTS", "wrong shape in the file", where=name, expected=str(shape), found=found)
    return {name: np.ascontiguousarray(kept[name]) for name in shapes}


def _is_safetensors(data: bytes) -> bool:
    """A length below 100 MB in 8 bytes, then JSON."""
    return len(data) > 10 and int.from_bytes(data[:8], "little") < 10**8 and data[8:9] == b"{"


def _safetensors(data: bytes) -> Mapping[str, NDArray[np.generic]]:
    import safetensors.numpy
    from safetensors import SafetensorError

    try:
        return dict(safetensors.numpy.load(data))
    except SafetensorError as error:
        raise BenchError("E_WEIGHTS", f"not a readable safetensors file: {error}") from error


def _state_dict(data: bytes) -> Mapping[str, NDArray[np.generic]]:
    import torch

    try:
        tree = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _unpickling_error(str(error)) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError, OSError) as error:
        raise BenchError("E_WEIGHTS", "not a PyTorch file of named tensors", found=str(error)[:200] or None) from error
    if isinstance(tree, Mapping) and isinstance(tree.get("state_dict"), Mapping):
        tree = tree["state_dict"]
    if not isinstance(tree, Mapping) or not all(isinstance(value, torch.Tensor) for value in tree.values()):
        raise BenchError("E_WEIGHTS", "not a PyTorch file of named tensors", found=type(tree).__name__)
    return {str(name): value.detach().cpu().numpy() for name, value in tree.items()}


def _unpickling_error(text: str) -> BenchError:
    """Reading a whole model back would run the code that the file names; what it names is told."""
    asked = re.search(r"GLOBAL ([\w.]+)", text)
    if asked is None:
        return BenchError("E_WEIGHTS", "not a PyTorch file of named tensors", found=text.splitlines()[0][:200])
    return BenchError(
        "E_WEIGHTS",
        "this file holds more than named tensors (a whole pickled model?); reading it could run code, so it was not",
        expected="a state dictionary, or a safetensors file",
        found=f"it asks for {asked.group(1)}",
        fix="save model.state_dict() from a program you trust, and install that",
    )
