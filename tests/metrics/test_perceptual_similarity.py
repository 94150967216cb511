"""LPIPS against the authors' package: its learned heads, on a seeded trunk."""

from __future__ import annotations

from pathlib import Path

import golden_inputs
import numpy as np
import pytest
import safetensors.torch
import torch
from golden_values import FEATURE_METRICS

from fundus2oct.metrics import lpips_network, lpips_weights, weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.perceptual_similarity import CARD, lpips


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded trunk and the real heads, which are fetched once if absent."""
    try:
        heads = weight_registry.read_verified(weight_registry.LPIPS_HEADS)
    except BenchError:
        try:
            weight_install.install(weight_registry.LPIPS_HEADS)
        except BenchError as error:
            pytest.skip(f"the heads of LPIPS cannot be installed here: {error}")
        heads = weight_registry.read_verified(weight_registry.LPIPS_HEADS)
    arrays = golden_inputs.seeded_arrays(lpips_weights.trunk_shapes())
    trunk = {name: torch.from_numpy(array) for name, array in arrays.items()}
    monkeypatch.setattr(lpips_network, "installed_weights", lambda: (trunk, safetensors.torch.load(heads)))


@pytest.mark.weights
@pytest.mark.usefixtures("stand_in")
def test_lpips_equals_the_authors_package() -> None:
    truth, generated = golden_inputs.volume_pair()
    np.testing.assert_allclose(lpips(truth, generated), FEATURE_METRICS["lpips"], rtol=1e-5)


@pytest.mark.weights
@pytest.mark.usefixtures("stand_in")
def test_identical_volumes_are_zero_apart() -> None:
    truth, _ = golden_inputs.volume_pair()
    np.testing.assert_array_equal(lpips(truth, truth), CARD.best)


def test_absent_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    lpips_network.installed_weights.cache_clear()
    volume = np.zeros((6, 64, 64), np.uint8)
    with pytest.raises(BenchError, match="bench weights install lpips-alex"):
        lpips(volume, volume)
