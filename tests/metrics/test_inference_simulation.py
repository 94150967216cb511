"""A small run of the simulation behind docs/uncertainty.md: it works, repeats itself, and its claims are not absurd."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fundus2oct.metrics.frechet_distance import frechet_distance, jackknife_frechet

FOLDER = Path(__file__).parents[1] / "simulation"


@pytest.fixture(name="sets")
def set_experiments(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("set_experiments")


@pytest.fixture(name="model")
def phantom_model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("phantom_model")


def test_the_fast_jackknife_is_the_real_one(model: ModuleType) -> None:
    spectrum, patients, rng = model.read_spectrum(), model.eyes_of(8), np.random.default_rng(0)
    truth = model.draw_features(spectrum, patients, rng)
    drawn = model.draw_entry(model.Entry("x", 0.3, 0.8, 0.2), truth, spectrum, patients, rng)
    value, delete_one = jackknife_frechet(truth, drawn, patients)
    fast = model.fast_score(truth, drawn, patients)
    assert fast.value == pytest.approx(value, abs=1e-6)
    assert fast.delete_one == pytest.approx(delete_one, abs=1e-6)
    assert model.fast_distance(truth, drawn) == pytest.approx(frechet_distance(truth, drawn), abs=1e-6)


def test_jackknife_and_rank_intervals_hold_in_a_few_replicates(sets: ModuleType, model: ModuleType) -> None:
    spectrum = model.read_spectrum()
    panel = sets.calibrated_panel(spectrum, 16, 50, 1)
    scores = sets.run_panel(spectrum, panel, 16, 40, 2)
    pairs, ranks = sets.pair_table(scores), sets.rank_table(scores, draws=2_000)
    assert np.mean([row["coverage"] for row in pairs]) > 0.92
    assert 0.8 < np.median([row["se_over_sd"] for row in pairs]) < 1.5
    assert ranks["per_entry"].min() > 0.9


def test_replicates_repeat_themselves(sets: ModuleType, model: ModuleType) -> None:
    spectrum = model.read_spectrum()
    there, back = (sets.run_panel(spectrum, sets.PANEL[:2], 8, 2, 3).values for _ in range(2))
    assert np.array_equal(there, back)


def test_bias_matching_removes_the_reward_of_collapse(sets: ModuleType, model: ModuleType) -> None:
    """Spectrum 1/i, 64 patients, spread 1 and 0.75: FVD prefers the collapsed entry, the bias-matched one does not."""
    honest = sets.HONEST
    shrunk = model.Entry("collapsed", 0.0, 0.75, honest.shift)
    spectrum = model.harmonic_spectrum(200)
    tasks = [(spectrum, (honest, shrunk), 64, 5, [0, k]) for k in range(2)]
    values, _, wrong_tiers = zip(*map(sets.collapse_replicate, tasks), strict=True)
    fvd_honest, fvd_shrunk, matched_honest, matched_shrunk = np.mean(values, axis=0)
    assert fvd_shrunk < fvd_honest
    assert matched_shrunk > matched_honest
    assert not any(wrong_tiers)
