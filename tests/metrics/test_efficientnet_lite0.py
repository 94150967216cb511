"""EfficientNet-Lite0 against its reference port, and its published file read without trust."""

from __future__ import annotations

import io

import golden_inputs
import numpy as np
import pytest
import torch
from golden_values import FEATURE_METRICS

from fundus2oct.metrics import efficientnet_lite0, efficientnet_weights
from fundus2oct.metrics.errors import BenchError


def state_dict() -> dict[str, torch.Tensor]:
    arrays = golden_inputs.seeded_arrays(efficientnet_weights.array_shapes())
    state = {name: torch.from_numpy(value) for name, value in arrays.items()}
    return state | {"_fc.weight": torch.zeros(1000, 1280), "_bn0.num_batches_tracked": torch.tensor(1)}


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.mark.weights
@pytest.mark.usefixtures("efficientnet_weights")
def test_features_equal_the_reference_port() -> None:
    truth, _ = golden_inputs.volume_pair()
    features = efficientnet_lite0.bscan_features(truth[None])
    np.testing.assert_allclose(features[:, ::64], FEATURE_METRICS["efficientnet"], rtol=0, atol=1e-4)


@pytest.mark.weights
@pytest.mark.usefixtures("efficientnet_weights")
def test_a_volumes_features_are_bitwise_the_same_in_any_company() -> None:
    volumes = np.stack(golden_inputs.volume_pair())
    together = efficientnet_lite0.bscan_features(volumes)
    assert together.shape == (12, 1280)
    np.testing.assert_array_equal(
        efficientnet_lite0.bscan_features(volumes[::-1]), together[[*range(6, 12), *range(6)]]
    )
    np.testing.assert_array_equal(efficientnet_lite0.bscan_features(iter(volumes[1:])), together[6:])


@pytest.mark.weights
@pytest.mark.usefixtures("efficientnet_weights")
def test_the_callers_thread_count_is_restored() -> None:
    before = torch.get_num_threads()
    efficientnet_lite0.bscan_features(np.zeros((1, 6, 16, 16), np.uint8))
    assert torch.get_num_threads() == before


def test_no_volumes_give_no_features() -> None:
    assert efficientnet_lite0.bscan_features([]).shape == (0, 1280)


def test_the_published_layout_becomes_the_network_without_its_classifier() -> None:
    arrays = efficientnet_weights.arrays_from_state_dict(saved(state_dict()))
    shapes = efficientnet_weights.array_shapes()
    assert {name: array.shape for name, array in arrays.items()} == shapes
    # torchvision-free count from the published file: 4,652,008 parameters and buffers, less the classifier's 1,281,000
    assert sum(int(np.prod(shape)) for name, shape in shapes.items() if "running" not in name) == 3_371_008


def test_a_missing_array_is_named() -> None:
    state = state_dict()
    del state["_blocks.3._bn1.running_var"]
    with pytest.raises(BenchError, match=r"1 arrays missing, 0 unexpected .* found: _blocks\.3\._bn1\.running_var"):
        efficientnet_weights.arrays_from_state_dict(saved(state))


def test_an_array_of_another_shape_is_refused() -> None:
    state = state_dict() | {"_conv_stem.weight": torch.zeros(32, 1, 3, 3)}
    with pytest.raises(BenchError, match=r"wrong shape in the file \| where: _conv_stem.weight"):
        efficientnet_weights.arrays_from_state_dict(saved(state))


@pytest.mark.parametrize("data", [b"", b"no weights", saved([1, 2]), saved(state_dict())[:-900]])
def test_any_other_file_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(BenchError, match="E_WEIGHTS: not "):
        efficientnet_weights.arrays_from_state_dict(data)
