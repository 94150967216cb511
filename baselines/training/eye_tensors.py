"""The training eyes as uint8 tensors on the device: a whole training set fits, and no loader has a state to keep.

Every eye is turned into a right eye. Where training shows mirror images too, they are made here, once, by the mirror
rule of `metrics.scan_geometry`: the photograph, the strips under the scan lines and the volume together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fundus2oct.baselines.fundus_descriptor import describe
from fundus2oct.baselines.networks.retina_shape import KnownShapes, into_frame
from fundus2oct.baselines.retina_frame import find_bscan_floor, find_floor, find_thickness, floor_rows
from fundus2oct.baselines.training.step_random import stream_seed
from fundus2oct.baselines.training.train_settings import DataSettings
from fundus2oct.baselines.training_set import ShowProgress, TrainingEye, TrainingSet
from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import DEPTH, N_BSCANS, WIDTH, mirror_fundus, mirror_volume

Pictures = NDArray[np.uint8]

Condition = Callable[[Pictures], tuple[Pictures, Pictures]]
"""From a photograph of a right eye to the field (3, S, S) and the strips (6, 3, k, w)."""

READERS = 4
"""Threads that read pictures; decoding releases the interpreter's lock."""


@dataclass(frozen=True)
class Batch:
    """Some eyes as the networks see them; float32, -1..1, all of them right eyes.

    Attributes:
        index: (b,) int64, their places in the training set.
        variant: (b,) int64, 1 where the mirror image is shown.
        fundus: (b, 3, S, S).
        strips: (b, 6, 3, k, w).
        volume: (b, 6, 1, h, w).
    """

    index: Tensor
    variant: Tensor
    fundus: Tensor
    strips: Tensor
    volume: Tensor


@dataclass(frozen=True)
class EyeTensors:
    """All training eyes, uint8; the leading axis is 1, or 2 where the second half holds the mirror images.

    Attributes:
        fundus: (v, n, 3, S, S).
        strips: (v, n, 6, 3, k, w).
        volume: (v, n, 6, h, w).
        unpaired: (v, m, 6, h, w), B-scans without a photograph in groups of six.
        mirror: chance that the mirror image is shown.
        shapes: of the pairs as they are, not mirrored, where volumes are in the frame; else None.
    """

    fundus: Tensor
    strips: Tensor
    volume: Tensor
    unpaired: Tensor
    mirror: float
    shapes: KnownShapes | None = None

    def __len__(self) -> int:
        """The number of pairs."""
        return self.volume.shape[1]

    def with_unpaired(self) -> EyeTensors:
        """The pairs, and after them the unpaired B-scans with black pictures in the place of a photograph's."""
        missing = self.unpaired.shape[1]

        def filled(pictures: Tensor) -> Tensor:
            return torch.cat([pictures, pictures.new_zeros(len(pictures), missing, *pictures.shape[2:])], dim=1)

        volume = torch.cat([self.volume, self.unpaired], dim=1)
        return replace(self, fundus=filled(self.fundus), strips=filled(self.strips), volume=volume)

    def on(self, device: torch.device) -> EyeTensors:
        """The same eyes on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("fundus", "strips", "volume", "unpaired")}
        return replace(self, **moved)

    def batch(self, index: Tensor, variant: Tensor) -> Batch:
        """The pairs at ``index`` (b,), as mirror images where ``variant`` (b,) is 1."""
        volume = self.volume[variant, index].unsqueeze(2)
        pictures = (self.fundus[variant, index], self.strips[variant, index], volume)
        return Batch(index, variant, *(as_network_values(picture) for picture in pictures))


def as_network_values(pixels: Tensor) -> Tensor:
    """uint8 0..255 as float32 -1..1."""
    return pixels.to(torch.float32) / 127.5 - 1


def as_pixels(values: Tensor) -> Tensor:
    """float32 -1..1 as uint8 0..255, rounded; what lies outside is clipped."""
    return ((values.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def load_eyes(
    training: TrainingSet,
    settings: DataSettings,
    condition: Condition,
    *,
    unpaired: Sequence[Path] = (),
    show: ShowProgress,
) -> EyeTensors:
    """Read and reduce every eye.

    Args:
        training: the eyes.
        settings: the sizes.
        condition: makes what a network sees of a photograph.
        unpaired: pictures of single B-scans without a photograph.
        show: told about every eye.
    """
    variants = 2 if settings.mirror > 0 else 1

    def read(eye: TrainingEye) -> list[_Prepared]:
        return [_prepare(eye, settings, condition, mirrored=bool(variant)) for variant in range(variants)]

    eyes = []
    with show("reading eyes", len(training)) as advance, ThreadPoolExecutor(READERS) as pool:
        for eye in pool.map(read, training):
            eyes.append(eye)
            advance(1)
    fundus, strips, volume = (
        torch.from_numpy(np.stack([[eye[variant].pictures[part] for eye in eyes] for variant in range(variants)]))
        for part in range(3)
    )
    others = torch.from_numpy(_read_unpaired(unpaired, settings, variants))
    shapes = _known_shapes([eye[0] for eye in eyes], training) if settings.framed else None
    return EyeTensors(fundus, strips, volume, others, settings.mirror, shapes)


@dataclass(frozen=True)
class _Prepared:
    """One eye: field, strips and volume; and, where it is seen in the frame, its floor, thickness and descriptor."""

    pictures: tuple[Pictures, Pictures, Pictures]
    shape: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None


def _prepare(eye: TrainingEye, settings: DataSettings, condition: Condition, *, mirrored: bool) -> _Prepared:
    """One eye, turned into a right eye, or into the mirror image of one."""
    fundus, volume = eye.read_fundus(), eye.read_volume()
    if (eye.eye == "L") != mirrored:
        fundus, volume = mirror_fundus(fundus), mirror_volume(volume)
    shape = None
    if settings.framed:
        floor = find_floor(volume)
        thickness = find_thickness(volume, floor_rows(floor))
        volume = into_frame(volume, floor_rows(floor), thickness)
        shape = floor, thickness, describe(fundus, eye="R")
    return _Prepared((*condition(fundus), reduced(volume, settings)), shape)


def _known_shapes(prepared: Sequence[_Prepared], training: TrainingSet) -> KnownShapes:
    floors, thicknesses, descriptors = zip(*(eye.shape for eye in prepared if eye.shape), strict=True)
    patients = tuple(eye.patient_id for eye in training)
    return KnownShapes(np.stack(floors), np.stack(thicknesses), np.stack(descriptors), patients)


def reduced(volume: Pictures, settings: DataSettings) -> Pictures:
    """Every B-scan of (b, rows, columns) reduced to (b, height, width) as ``settings.reduce`` says."""
    size = (settings.width, settings.height)
    return np.stack([np.asarray(Image.fromarray(bscan).resize(size, _kernel(settings))) for bscan in volume])


def _kernel(settings: DataSettings) -> Image.Resampling:
    return Image.Resampling.BOX if settings.reduce == "area" else Image.Resampling.NEAREST


def _read_unpaired(paths: Sequence[Path], settings: DataSettings, variants: int) -> Pictures:
    """(v, m, 6, h, w): B-scans in groups of six, in an order drawn once; what does not fill a group is left out."""
    shape = (0, N_BSCANS, settings.height, settings.width)
    if not paths:
        return np.empty((variants, *shape), dtype=np.uint8)

    def read(path: Path) -> Pictures:
        bscan = picture_file.read_grey(path)
        if settings.framed:
            bscan = _in_frame(np.asarray(Image.fromarray(bscan).resize((WIDTH, DEPTH), _kernel(settings))))
        small: Pictures = reduced(bscan[None], settings)[0]
        return small

    with ThreadPoolExecutor(READERS) as pool:
        bscans = np.stack(list(pool.map(read, paths)))
    order = np.random.default_rng(stream_seed(len(paths))).permutation(len(paths))
    groups = bscans[order[: len(paths) // N_BSCANS * N_BSCANS]].reshape(-1, *shape[1:])
    return np.stack([groups, groups[..., ::-1]][:variants])


def _in_frame(bscan: Pictures) -> Pictures:
    """A single B-scan (320, 448) in the frame."""
    floor = find_bscan_floor(bscan)[None]
    framed: Pictures = into_frame(bscan[None], floor, find_thickness(bscan[None], floor))[0]
    return framed


def bscan_pictures(folder: Path) -> list[Path]:
    """Every PNG and JPEG below a folder, sorted.

    Raises:
        BenchError: E_MISSING when there are fewer than six.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if len(found) < N_BSCANS:
        raise BenchError(
            "E_MISSING", "too few B-scans", where=folder, expected="at least 6 PNG or JPEG", found=str(len(found))
        )
    return found
