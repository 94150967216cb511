"""What a training keeps on disk: the weights that generate, and the state that it goes on from.

`model.safetensors` holds the moving average of the networks and `config.json` the settings they were made with: that
is what is published. `state.pt` holds everything a resumed training needs; it is read with `weights_only`, so that
nothing in it runs. All of them are written whole or not at all.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from fundus2oct.metrics.durable_file import write_bytes, write_json
from fundus2oct.metrics.errors import BenchError

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
STATE_FILE = "state.pt"
PROGRESS_FILE = "progress.json"
"""How far the training is: {"finished", "stage", "stages", "step", "seconds", "budget_used"}."""

STATE_VERSION = 1


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the training state: tensors, lists, dictionaries, numbers and words.

    Raises:
        BenchError: E_DISK when there is no room; the state before is kept.
    """
    buffer = io.BytesIO()
    torch.save({"version": STATE_VERSION, **state}, buffer)
    write_bytes(folder / STATE_FILE, buffer.getvalue())


def read_state(folder: Path) -> dict[str, Any] | None:
    """The training state in ``folder``, on the processor; None where there is none.

    Raises:
        BenchError: E_STATE when the file is damaged or of another version.
    """
    path = folder / STATE_FILE
    fix = "remove the folder and train again"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # torch names no common class for what a damaged file raises
        found = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError("E_STATE", "the training state cannot be read", where=path, found=found, fix=fix) from None
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        found = str(state.get("version")) if isinstance(state, dict) else type(state).__name__
        what, expected = "a training state of another version", str(STATE_VERSION)
        raise BenchError("E_STATE", what, where=path, expected=expected, found=found, fix=fix)
    return state


def write_model(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Write the weights that generate."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_bytes(folder / MODEL_FILE, safetensors.torch.save(plain))


def write_progress(folder: Path, progress: Mapping[str, Any]) -> None:
    """Write how far the training is."""
    write_json(folder / PROGRESS_FILE, dict(progress))


def read_json(folder: Path, name: str, *, method: str) -> dict[str, Any]:
    """A JSON object of a trained folder.

    Raises:
        BenchError: E_WEIGHTS when it is missing or is none.
    """
    path = folder / name
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _not_trained(method, path) from None
    except (OSError, ValueError) as error:
        raise BenchError("E_WEIGHTS", "not a readable JSON file", where=path, found=str(error)) from None
    if not isinstance(value, dict):
        raise BenchError("E_WEIGHTS", "not a JSON object", where=path, found=type(value).__name__)
    return value


def load_model(networks: nn.Module, folder: Path, *, method: str) -> None:
    """Put the weights of a trained folder into its networks.

    Raises:
        BenchError: E_WEIGHTS when they are missing, damaged, or those of other networks.
    """
    weights = read_model(folder, method=method)
    check_weights(networks, weights, where=folder / MODEL_FILE)
    networks.load_state_dict(weights)


def read_model(folder: Path, *, method: str) -> dict[str, Tensor]:
    """The weights of a trained folder.

    Raises:
        BenchError: E_WEIGHTS when they are missing or damaged.
    """
    path = folder / MODEL_FILE
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise _not_trained(method, path) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise BenchError("E_WEIGHTS", "not a readable safetensors file", where=path, found=str(error)) from None


def check_weights(networks: nn.Module, weights: Mapping[str, Tensor], *, where: Path) -> None:
    """Ask for exactly the tensors of ``networks``.

    Raises:
        BenchError: E_WEIGHTS with the first names or the first shape that differ.
    """
    expected = networks.state_dict()
    if differing := sorted(expected.keys() ^ weights.keys()):
        missing = sum(name in expected for name in differing)
        what = f"weights of another network: {missing} tensors missing, {len(differing) - missing} unexpected"
        fix = "keep config.json and model.safetensors of one training together"
        raise BenchError(
            "E_WEIGHTS",
            what,
            where=where,
            expected=f"{len(expected)} tensors",
            found=", ".join(differing[:4]),
            fix=fix,
        )
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            what, sizes = f"weights of another size: {name}", (tuple(tensor.shape), tuple(weights[name].shape))
            raise BenchError("E_WEIGHTS", what, where=where, expected=str(sizes[0]), found=str(sizes[1]))


def _not_trained(method: str, path: Path) -> BenchError:
    fix = f"bench train {method} --data DIR --out FOLDER"
    return BenchError("E_WEIGHTS", f"generator {method} is not fitted: no weights", where=path, fix=fix)
