"""Weights of a photograph encoder from a local file: safetensors or a torch state dict, never executed, names checked.

Encoders pre-trained elsewhere come wrapped (`{"model": ...}`) and with other names. Vision transformers written for
timm, as RETFound is (Zhou et al., Nature 2023), are renamed to torchvision's names; the arithmetic is the same. The
network that takes the weights is in `photograph_backbone`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from fundus2oct.metrics.errors import BenchError

WRAPPERS: Final = ("model", "state_dict", "teacher", "encoder")
"""Keys under which training scripts keep a state dict."""

_TIMM_TO_TORCHVISION: Final = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^(?:fc_norm|norm)\.", "encoder.ln."),
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm1\.", ".ln_1."),
    (r"\.norm2\.", ".ln_2."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
)
_UNUSED: Final = re.compile(r"^(head|heads|fc|classifier|decoder_\w+|mask_token)(\.|$)")
"""Classifiers, and the decoder of a masked autoencoder: they are not part of the encoder."""


def read_backbone_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint, unwrapped, without its classifier, under torchvision's names.

    Args:
        path: a .safetensors file, or a file of `torch.save` that holds tensors and nothing executable.

    Raises:
        BenchError: E_MISSING without the file, E_WEIGHTS for a file that holds no state dict.
    """
    if not path.is_file():
        raise BenchError("E_MISSING", "no checkpoint of a photograph encoder", where=path, fix="check the path")
    state = _unwrapped(_tensors(path))
    if not state:
        raise _unreadable(path, "no tensors")
    return {_torchvision_name(name): value for name, value in state.items() if not _UNUSED.match(name)}


def _tensors(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise many types for a damaged file
        raise _unreadable(path, f"{type(error).__name__}: {str(error).splitlines()[0]}") from error


def _unwrapped(loaded: Any) -> dict[str, Tensor]:
    """The state dict inside a checkpoint, without the prefix of distributed training."""
    if not isinstance(loaded, dict):
        return {}
    for key in WRAPPERS:
        if isinstance(loaded.get(key), dict):
            return _unwrapped(loaded[key])
    return {str(name).removeprefix("module."): value for name, value in loaded.items() if isinstance(value, Tensor)}


def _torchvision_name(name: str) -> str:
    if not re.match(r"cls_token$|pos_embed$|patch_embed\.|norm\.|fc_norm\.|blocks\.", name):
        return name
    for pattern, replacement in _TIMM_TO_TORCHVISION:
        name = re.sub(pattern, replacement, name)
    return name


def _unreadable(path: Path, found: str) -> BenchError:
    return BenchError(
        "E_WEIGHTS",
        "a checkpoint cannot be read",
        where=path,
        expected="a .safetensors file, or a state dict saved by torch.save",
        found=found,
        fix="save it with safetensors.torch.save_file(model.state_dict(), path)",
    )
