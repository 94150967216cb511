"""A trained folder as a generator: one photograph in, one volume out, with one seed drawn outside the networks.

The same for every method: the photograph becomes arrays, the networks draw at their own size, the volume is brought to
the benchmark's size. Numbers are float32 without shortcuts, so that a GPU and a processor agree within rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fundus2oct.baselines.fundus_descriptor import describe
from fundus2oct.baselines.networks.conditioning import ConditioningConfig, canonical_volume, conditioning_arrays
from fundus2oct.baselines.networks.retina_shape import RetinaShape, out_of_frame
from fundus2oct.baselines.networks.upsampling import full_volumes
from fundus2oct.baselines.training.checkpoint import CONFIG_FILE, PROGRESS_FILE, load_model, read_json
from fundus2oct.baselines.training.eye_tensors import Condition, as_network_values
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.processes import chosen_device
from fundus2oct.baselines.training.settings import settings_from
from fundus2oct.benchmark.generator import Eye, Generator
from fundus2oct.metrics.errors import BenchError


class DrawingNetworks(Protocol):
    """Networks that draw volumes.

    Attributes:
        shape: floors and thicknesses for volumes that are drawn in the frame; None where they are drawn as they lie.
    """

    shape: RetinaShape | None

    def draw(self, fundus: Tensor, strips: Tensor, seeds: Sequence[int]) -> Tensor:
        """From (b, 3, S, S) and (b, 6, 3, k, w) in -1..1, and a seed an eye, to (b, 6, 1, h, w) about -1..1."""
        ...


def photograph_condition(config: ConditioningConfig) -> Condition:
    """What the networks see of a right eye's photograph, as two arrays."""

    def condition(fundus: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        arrays = conditioning_arrays(fundus, eye="R", config=config)
        return arrays.fundus, arrays.strips

    return condition


class TrainedGenerator:
    """Draws a volume with trained networks.

    Args:
        networks: trained, on their device.
        conditioning: what they see of a photograph.
        device: where they are.
    """

    def __init__(self, networks: Any, conditioning: ConditioningConfig, device: torch.device) -> None:
        self._networks, self._conditioning, self._device = networks, conditioning, device

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """(6, 320, 448) uint8: what the networks draw for this photograph and seed."""
        arrays = conditioning_arrays(fundus, eye=eye, config=self._conditioning)
        pictures = (torch.from_numpy(picture)[None].to(self._device) for picture in (arrays.fundus, arrays.strips))
        with torch.no_grad():
            drawn = self._networks.draw(*(as_network_values(picture) for picture in pictures), [seed])
        volume = full_volumes(drawn)[0].cpu().numpy()
        if self._networks.shape is not None:
            volume = out_of_frame(volume, *self._networks.shape.draw(describe(fundus, eye=eye), seed))
        return np.array(canonical_volume(volume, eye=eye))


def load_generator(
    method: LearnedMethod, make_networks: Callable[[Any], nn.Module], *, device: str, folder: Path
) -> Generator:
    """The generator in a trained folder; one that is not finished says so on stderr.

    Args:
        method: whose folder it is.
        make_networks: from settings to the networks that draw.
        device: auto, cpu, cuda, ...
        folder: where config.json and model.safetensors lie.

    Raises:
        BenchError: E_WEIGHTS when the folder is another method's, not trained far enough, damaged or mixed up.
    """
    config = read_json(folder, CONFIG_FILE, method=method.name)
    if config.get("method") != method.name:
        what, found = "the folder holds another method", str(config.get("method"))
        raise BenchError("E_WEIGHTS", what, where=folder / CONFIG_FILE, expected=method.name, found=found)
    try:
        settings = settings_from(method.settings, config.get("settings", {}), where=str(folder / CONFIG_FILE))
    except BenchError as error:
        raise BenchError(
            "E_WEIGHTS", error.what, where=error.where, expected=error.expected, found=error.found
        ) from None
    _check_progress(folder, method, stages=[stage.name for stage in method.stages(settings)])
    chosen = chosen_device(device)
    networks = make_networks(settings)
    load_model(networks, folder, method=method.name)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return TrainedGenerator(networks.to(chosen).eval(), settings.conditioning, chosen)


def _check_progress(folder: Path, method: LearnedMethod, *, stages: Sequence[str]) -> None:
    """E_WEIGHTS where the last stage has not begun; a word on stderr where it has not ended."""
    progress = read_json(folder, PROGRESS_FILE, method=method.name)
    if progress.get("finished"):
        return
    stage, step = progress.get("stage"), progress.get("step")
    if stage != stages[-1]:
        found = f"stage {stage}, step {step}" if stage else "no step yet"
        fix = "run the same bench train command again: it goes on"
        what = "not trained far enough to draw eyes"
        raise BenchError("E_WEIGHTS", what, where=folder, expected=f"stage {stages[-1]}", found=found, fix=fix)
    print(f"{folder}: this generator is not trained to its end: step {step}", file=sys.stderr)
