"""A dataset whose truth the hostile generators look for."""

from __future__ import annotations

import pytest
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.dataset import Dataset


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three test eyes with their truth."""
    return write_toy_dataset(tmp_path_factory.mktemp("truth"), n_train=1, n_test=3)
