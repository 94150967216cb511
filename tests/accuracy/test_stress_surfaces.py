"""A healthy and a diseased eye in every variant of `stress_surfaces`: a row of 6 µm in the one, two in the other."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent
BOUND_UM = {"none": 6.0, "drusen": 12.0}


@pytest.fixture(scope="module")
def stress() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return importlib.import_module("stress_surfaces")


@pytest.mark.slow
@pytest.mark.parametrize(("disease", "frame"), [("none", 1), ("drusen", 3)])
def test_surfaces_hold_under_what_the_search_was_not_made_on(stress: Any, disease: str, frame: int) -> None:
    eye, beyond = stress.StressEye(disease, 3), []
    for variant in eye.variants(frame):
        found = stress.errors_of(variant)
        worst_um = max(found.ilm, found.bm) * found.axial_um
        if not (worst_um <= BOUND_UM[disease] and found.missing <= 0.05):
            beyond.append((variant.name, round(worst_um, 1), found.missing))
    assert beyond == []


def test_a_picture_that_shows_no_upright_retina_has_no_surfaces(stress: Any) -> None:
    scan = stress.StressEye("none", 4).native[2]
    rows = np.random.default_rng(0).permutation(len(scan))
    for picture in (255 - scan, scan[::-1], np.rot90(scan), scan[rows]):
        variant = stress.Variant("", np.ascontiguousarray(picture), 3.87, 11.8, np.full(1, 0), np.full(1, 0))
        ilm, bm = stress.segment_surfaces(variant.bscan, axial_um=variant.axial_um, lateral_um=variant.lateral_um)
        assert np.isnan(ilm).all()
        assert np.isnan(bm).all()
