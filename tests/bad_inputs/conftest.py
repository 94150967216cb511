"""What the tests of bad inputs share: a toy dataset and a finished run of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from plugin_folders import write_plugin
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """1 training and 3 test eyes. Not to be written to."""
    return write_toy_dataset(tmp_path_factory.mktemp("small"), n_train=1, n_test=3)


@pytest.fixture(scope="session")
def finished(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plugin` and its complete `run` of the test split. Not to be written to."""
    folder = tmp_path_factory.mktemp("finished")
    generate_run(resolve(str(write_plugin(folder / "plugin"))), small, "test", folder / "run")
    return folder


@pytest.fixture
def run_copy(finished: Path, tmp_path: Path) -> Path:
    """The finished run in a folder that a test may spoil."""
    shutil.copytree(finished / "run", tmp_path / "run")
    return tmp_path / "run"
