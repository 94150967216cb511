"""A healthy cohort gives back the published numbers it was built from."""

from __future__ import annotations

import numpy as np
import pytest

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye, sample_eye

AXIS = np.arange(-2970.0, 2971.0, 60.0)
X, Y = np.meshgrid(AXIS, AXIS)
R = np.hypot(X, Y)
CENTRE, INNER, OUTER = R <= 500, (R > 500) & (R <= 1500), (R > 1500) & (R <= 3000)
QUADRANTS = {
    "N": np.abs(Y) < X,
    "T": np.abs(Y) < -X,
    "S": np.abs(X) < Y,
    "I": np.abs(X) < -Y,
}


@pytest.fixture(scope="module")
def eyes() -> list[Eye]:
    return [sample_eye(0, patient, "R", cohort="norms", disease="none") for patient in range(80)]


@pytest.fixture(scope="module")
def thickness(eyes: list[Eye]) -> dict[str, np.ndarray]:
    maps = [eye.shape.thickness_um(X, Y) for eye in eyes]
    return {layer: np.array([one[layer] for one in maps]) for layer in norms.LAYERS}


def test_central_subfield_has_the_published_mean_and_spread(thickness: dict[str, np.ndarray]) -> None:
    central = sum(thickness.values())[:, CENTRE].mean(axis=1)
    assert central.mean() == pytest.approx(norms.CENTRAL_SUBFIELD_UM, abs=6.0)
    assert central.std() == pytest.approx(norms.CENTRAL_SUBFIELD_SD_UM, abs=5.0)


@pytest.mark.parametrize("quadrant", "SNIT")
def test_rings_have_the_published_thickness(thickness: dict[str, np.ndarray], quadrant: str) -> None:
    total, inside = sum(thickness.values()), QUADRANTS[quadrant]
    assert total[:, INNER & inside].mean() == pytest.approx(norms.INNER_RING_UM[quadrant], abs=8.0)
    assert total[:, OUTER & inside].mean() == pytest.approx(norms.OUTER_RING_UM[quadrant], abs=8.0)


@pytest.mark.parametrize("layer", norms.LAYER_UM)
def test_layers_have_the_published_thickness(thickness: dict[str, np.ndarray], layer: str) -> None:
    found = [thickness[layer][:, ring].mean() for ring in (CENTRE, INNER, OUTER)]
    assert found == pytest.approx(norms.LAYER_UM[layer], abs=3.0)


def test_nerve_fibres_are_absent_at_the_fovea_and_thickest_towards_disc_and_arcades(
    thickness: dict[str, np.ndarray],
) -> None:
    fibres = thickness["RNFL"].mean(axis=0)
    assert fibres[R < 100].max() < 3
    assert 15 <= fibres[OUTER & QUADRANTS["T"]].mean() <= 22
    assert 25 <= fibres[INNER & QUADRANTS["N"]].mean() <= 32
    assert 40 <= fibres[OUTER & QUADRANTS["N"]].mean() <= 60


def test_two_eyes_of_a_patient_are_alike() -> None:
    pairs = np.array(
        [
            [sample_eye(0, p, side, cohort="pairs", disease="none").central_subfield_um() for side in "RL"]
            for p in range(30)
        ]
    )
    assert 0.6 < np.corrcoef(pairs.T)[0, 1] < 0.95


def test_choroid_is_thick_under_the_fovea_and_thin_nasally(eyes: list[Eye]) -> None:
    zero = np.zeros(1)
    centre = np.array([eye.choroid.thickness_um(zero, zero)[0] for eye in eyes])
    nasal = np.array([eye.choroid.thickness_um(zero + 3000.0, zero)[0] for eye in eyes])
    assert centre.mean() == pytest.approx(norms.CHOROID_SUBFOVEAL_UM, abs=25.0)
    assert centre.std() == pytest.approx(norms.CHOROID_SUBFOVEAL_SD_UM, abs=20.0)
    assert nasal.mean() == pytest.approx(norms.CHOROID_NASAL_3MM_UM, abs=20.0)


def test_disc_lies_nasal_and_above_the_fovea(eyes: list[Eye]) -> None:
    assert np.mean([eye.disc.x_um for eye in eyes]) == pytest.approx(4500.0, abs=120.0)
    assert 300.0 < np.mean([eye.disc.y_um for eye in eyes]) < 800.0
