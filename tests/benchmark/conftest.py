"""What the tests of the harness share: a toy dataset, a finished run of it, and metrics that need no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import mean_features
import pytest
from plugin_folders import on_case, write_plugin
from scored_folders import Write, writer
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.scoring import score_cases
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume_source import run_source
from fundus2oct.metrics import catalogue


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """3 training and 3 test eyes; the test patients have two eyes and one. Not to be written to."""
    return write_toy_dataset(tmp_path_factory.mktemp("small"), n_train=3, n_test=3)


@pytest.fixture
def small_copy(small: Dataset, tmp_path: Path) -> Dataset:
    """The small dataset in a folder that a test may change."""
    shutil.copytree(small.folder, tmp_path / "data")
    return read_dataset(tmp_path / "data")


@pytest.fixture(scope="session")
def finished_run(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of the small test split in which `toy-test-001` failed. Not to be written to."""
    folder = tmp_path_factory.mktemp("finished")
    plugin = write_plugin(folder / "plugin", on_case("toy-test-001", "raise RuntimeError('no retina here')"))
    generate_run(resolve(str(plugin)), small, "test", folder / "run")
    return folder / "run"


@pytest.fixture
def run_copy(finished_run: Path, tmp_path: Path) -> Path:
    """The finished run in a folder that a test may change."""
    shutil.copytree(finished_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory, finished_run: Path, small: Dataset) -> Path:
    """A cache that holds every value of the finished run under the toy metrics. Not to be written to."""
    folder = tmp_path_factory.mktemp("warm")
    run = run_source(RunFolder(finished_run), small, "test")
    score_cases(run, small, "test", mean_features.CARDS, ValueCache(folder))
    mean_features.seen.clear()
    return folder


@pytest.fixture
def toy_metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Put a distance of plain means in the place of FVD; yields the number of volumes of each call of its network."""
    monkeypatch.setattr(catalogue, "CARDS", mean_features.CARDS)
    mean_features.seen.clear()
    yield mean_features.seen
    mean_features.seen.clear()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes score folders below ``private``."""
    return writer(tmp_path)
