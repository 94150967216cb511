"""Fixtures that whole runs share: a small phantom made once, and skips that say why by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.metrics import weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError

SLOW_FILES = frozenset(
    {
        "baselines/test_fits.py",
        "baselines/test_generators.py",
        "baselines/test_train_command.py",
        "baselines/training/test_learned_methods.py",
        "baselines/training/test_loop.py",
        "baselines/training/test_processes.py",
        "benchmark/phantom/test_aptos_export.py",
        "benchmark/phantom/test_cohort.py",
        "benchmark/phantom/test_renderers.py",
        "benchmark/test_aptos_import.py",
        "benchmark/test_aptos_import_of_phantom.py",
        "benchmark/test_contact_sheet.py",
        "benchmark/test_generate_command.py",
        "benchmark/test_generation.py",
        "benchmark/test_leaks.py",
        "benchmark/test_oracles.py",
        "benchmark/test_phase.py",
        "benchmark/test_pictures.py",
        "benchmark/test_sandbox.py",
        "benchmark/test_score_command.py",
        "benchmark/test_verify_command.py",
        "benchmark/test_worker_process.py",
        "hostile/test_hostile.py",
        "metrics/test_inference_simulation.py",
        "metrics/test_radial_consistency.py",
        "metrics/test_radimagenet.py",
        "metrics/test_retinal_layers.py",
    }
)
"""Files whose tests render eyes, fit generators or start processes: `make quick` leaves them out as a whole."""

os.environ.update(BENCH_GENERATE_SANDBOX="none", BENCH_SCORE_SANDBOX="none")
"""Toy generators write notes outside their folders, which no walls would let them; tests of the walls ask for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in a slow file."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix() in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


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
