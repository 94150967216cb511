"""Fixtures that whole runs share: a small phantom made once, and skips that say why by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.metrics import weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError


@pytest.fixture(scope="session")
def i3d_weights() -> None:
    """The real I3D weights, fetched once if absent; without a network tests that need them skip by name."""
    try:
        weight_registry.read_verified(weight_registry.I3D)
    except BenchError:
        try:
            weight_install.install(weight_registry.I3D)
        except BenchError as error:
            pytest.skip(f"the real I3D weights cannot be installed here: {error}")


@pytest.fixture(scope="session")
def tiny_phantom(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A phantom cohort of a few eyes, made once."""
    from fundus2oct.benchmark.phantom.cohort import write_cohort

    folder = tmp_path_factory.mktemp("phantom") / "tiny"
    write_cohort(folder, profile="tiny", seed=0)
    return read_dataset(folder)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of Debian's chromium; tests that need it are skipped by name where it is not installed."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: run `make system`")
    return Path(found)
