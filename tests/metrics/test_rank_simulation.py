"""A small part of `rank_experiments`: intervals from tests hold all ranks at once, the middle of the draws does not."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "simulation"


@pytest.fixture(name="ranks")
def rank_experiments(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("rank_experiments")


def test_all_true_ranks_are_held_at_once(ranks: ModuleType) -> None:
    found = ranks.experiment(60, 3)
    assert found["tests"][0] >= 0.95
    assert found["mean rank"][0] == 1.0
    assert found["tests"][1] < found["mean rank"][1] < 6.0


def test_draws_miss_ranks_that_equal_entries_share(ranks: ModuleType) -> None:
    found = ranks.experiment(60, 4, 0.0)
    assert found["draws"][0] < 0.4
    assert found["tests"][0] > 0.85


def test_a_tie_is_held_only_by_all_the_ranks_it_shares(ranks: ModuleType) -> None:
    truth = np.array([0.0, 0.0, 1.0])
    assert ranks.holds([(1, 2), (1, 2), (3, 3)], truth)
    assert not ranks.holds([(1, 1), (2, 2), (3, 3)], truth)
