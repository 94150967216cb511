"""A small synthetic dataset for tests: the photograph's colours predict the OCT's bright band.

Few eyes of both sides, every other patient with two. Nothing in it looks like a retina; it is read, fitted and scored
like a real one. The phantom (`fundus2oct.benchmark.phantom`) is the realistic one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fundus2oct.benchmark.case_table import Case, cases_text
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.picture_file import png_bytes
from fundus2oct.metrics import scan_geometry

FUNDUS_SIDE = 256
BAND_ROW = 150.0
BAND_RANGE = 25.0
"""The band lies at BAND_ROW + BAND_RANGE * depth, with depth in -1..1 the eye's hidden trait."""


@dataclass(frozen=True, kw_only=True)
class ToyEye:
    """One hidden anatomy, drawn twice.

    Attributes:
        eye: "L" or "R".
        depth: -1..1; moves the band down and makes the photograph's centre redder.
        gloss: -1..1; brightens the band and the photograph's ring.
    """

    eye: str
    depth: float
    gloss: float


def write_toy_dataset(folder: Path, *, n_train: int = 6, n_test: int = 3, seed: int = 0) -> Dataset:
    """Write a valid dataset of ``n_train`` + ``n_test`` eyes into ``folder`` and read it back.

    Left eyes are mirror images in both pictures. Case ids are ``toy-train-000``, ...; patients have two eyes and one
    eye in turn.
    """
    rng = np.random.default_rng(seed)
    cases = []
    for split, count in (("train", n_train), ("test", n_test)):
        for index, (patient, eye) in zip(range(count), _patients_and_eyes(split), strict=False):
            case_id = f"toy-{split}-{index:03d}"
            traits = ToyEye(eye=eye, depth=rng.uniform(-1, 1), gloss=rng.uniform(-1, 1))
            cases.append(_write_eye(folder, case_id, patient, split, traits, rng))
    (folder / "cases.csv").write_text(cases_text(cases), encoding="utf-8")
    (folder / "dataset.toml").write_text(tomli_w.dumps(_description()), encoding="utf-8")
    return read_dataset(folder)


def draw_fundus(traits: ToyEye, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(256, 256, 3) uint8 RGB: a round field whose colours tell the traits, with a disc on the nasal side."""
    place = np.linspace(-1.1, 1.1, FUNDUS_SIDE)
    x, y = place[None, :], -place[:, None]
    centre = np.exp(-(x**2 + y**2) / 0.08)
    disc = np.exp(-((x - 0.5) ** 2 + (y - 0.05) ** 2) / 0.01)
    ring = np.exp(-((np.hypot(x, y) - 0.7) ** 2) / 0.01)
    red = 150 + 40 * traits.depth * centre + 60 * disc
    green = 80 - 30 * traits.depth * centre + 80 * disc + 25 * traits.gloss * ring
    picture = np.stack(np.broadcast_arrays(red, green, 40 + 60 * disc), axis=-1)
    picture = picture + gaussian_filter(rng.normal(0, 40, picture.shape), (3, 3, 0))
    picture *= (np.hypot(x, y) < 1)[:, :, None]
    fundus = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return scan_geometry.mirror_fundus(fundus) if traits.eye == "L" else fundus


def draw_volume(traits: ToyEye, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(6, 320, 448) uint8: a bright band that dips at the centre and rises towards the disc, in smooth texture."""
    x_um = scan_geometry.retinal_positions_um()[..., 0]
    distance_um = np.abs(scan_geometry.column_positions_um())
    band = BAND_ROW + BAND_RANGE * traits.depth + 20 * np.exp(-((distance_um / 800) ** 2)) - 15 * x_um / 4500
    row = np.arange(scan_geometry.DEPTH)[None, :, None]
    brightness = 25 + (120 + 30 * traits.gloss) * np.exp(-(((row - band[:, None, :]) / 14) ** 2))
    texture = gaussian_filter(rng.normal(0, 1, (scan_geometry.DEPTH, scan_geometry.WIDTH)), 1.5) * 60
    volume = np.clip(np.rint(brightness + texture), 0, 255).astype(np.uint8)
    return scan_geometry.mirror_volume(volume) if traits.eye == "L" else volume


def _write_eye(folder: Path, case_id: str, patient: str, split: str, traits: ToyEye, rng: np.random.Generator) -> Case:
    case = Case(
        case_id=case_id,
        source_id=case_id.upper(),
        patient_id=patient,
        eye=traits.eye,
        split=split,
        fundus=f"fundus/{case_id}.png",
        oct=f"oct/{case_id}",
    )
    (folder / "fundus").mkdir(parents=True, exist_ok=True)
    (folder / case.oct).mkdir(parents=True)
    (folder / case.fundus).write_bytes(png_bytes(draw_fundus(traits, rng), level=1))
    for index, bscan in enumerate(draw_volume(traits, rng)):
        (folder / case.oct / f"{case_id}_{index}.png").write_bytes(png_bytes(bscan, level=1))
    return case


def _patients_and_eyes(split: str) -> Iterator[tuple[str, str]]:
    """Patients with two eyes and with one in turn: RL, R, RL, L, RL, R, ..."""
    number = 0
    while True:
        for eye in ("RL", "R", "RL", "L")[number % 4]:
            yield f"toy-{split}-patient-{number:03d}", eye
        number += 1


def _description() -> dict[str, object]:
    return {
        "name": "toy",
        "version": "1",
        "title": "Toy",
        "description": "Coloured discs and bright bands, for tests.",
        "licence": "CC0-1.0",
        "pictures_may_be_published": True,
        "scan": {
            "pattern": "radial",
            "angles_deg": list(scan_geometry.ANGLES_DEG),
            "lateral_um": scan_geometry.LATERAL_UM,
            "axial_um": scan_geometry.AXIAL_UM,
            "shape": list(scan_geometry.VOLUME_SHAPE),
        },
    }
