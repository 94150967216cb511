"""One toy dataset and one fit of every reference generator, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_dataset import write_toy_dataset

from fundus2oct.baselines.catalogue import METHODS
from fundus2oct.baselines.fitted_folder import fit_into
from fundus2oct.benchmark.dataset import Dataset


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """12 training eyes and 4 test eyes."""
    return write_toy_dataset(tmp_path_factory.mktemp("toy"), n_train=12, n_test=4)


@pytest.fixture(scope="session")
def fitted(toy: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one fitted generator folder for each name of the catalogue."""
    folder = tmp_path_factory.mktemp("generators")
    for method in METHODS:
        fit_into(folder / method.name, method, toy, split="train", seed=0)
    return folder
