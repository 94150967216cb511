"""Inception-v3 of the FID against torch-fidelity's, on seeded weights: the resize, the scaling and every layer."""

from __future__ import annotations

import io
from pathlib import Path

import golden_inputs
import numpy as np
import pytest
import torch
from golden_values import FEATURE_METRICS

from fundus2oct.metrics import inception, inception_weights, weight_registry
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_install import safetensors_bytes


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    arrays = golden_inputs.seeded_arrays(
        inception_weights.array_shapes() | {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    )
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.mark.slow
def test_features_equal_torch_fidelitys(
    state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = safetensors_bytes(inception_weights.arrays_from_state_dict(saved(state)))
    monkeypatch.setattr(weight_registry, "read_verified", lambda entry: data)
    inception._network.cache_clear()
    truth, _ = golden_inputs.volume_pair()
    features = inception.bscan_features(truth[[0, 1, 0, 1, 0, 1]][None])[:2, ::64]
    inception._network.cache_clear()
    golden = np.array(FEATURE_METRICS["inception"])
    np.testing.assert_allclose(features, golden, rtol=0, atol=1e-4 * np.abs(golden).max())


def test_a_missing_array_is_refused(state: dict[str, torch.Tensor]) -> None:
    without = {name: value for name, value in state.items() if name != "Mixed_7c.branch1x1.bn.running_var"}
    with pytest.raises(BenchError, match=r"found: Mixed_7c\.branch1x1\.bn\.running_var"):
        inception_weights.arrays_from_state_dict(saved(without))


def test_absent_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    inception._network.cache_clear()
    with pytest.raises(BenchError, match="bench weights install inception-fid"):
        inception.bscan_features(np.zeros((1, 6, 32, 32), np.uint8))
