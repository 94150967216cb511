"""RadImageNet's ResNet-50: every honest layout loads and gives one network; everything else is refused by name."""

from __future__ import annotations

import io
from pathlib import Path

import golden_inputs
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision import models

from fundus2oct.metrics import radimagenet, radimagenet_weights, weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError, ExitCode
from fundus2oct.metrics.weight_install import safetensors_bytes


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Torchvision's own ResNet-50, with seeded weights: the reference."""
    reference = models.resnet50(weights=None)
    arrays = golden_inputs.seeded_arrays(radimagenet_weights.array_shapes())
    reference.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False)
    evaluated: nn.Module = reference.eval()
    return evaluated


def official(network: nn.Module) -> dict[str, Tensor]:
    """The layout of the authors' file: their Backbone holds a Sequential of the first nine children."""
    holder = nn.Module()
    holder.backbone = nn.Sequential(*list(network.children())[:9])
    return holder.state_dict()


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def test_the_authors_layout_torchvisions_and_safetensors_give_the_same_arrays(network: nn.Module) -> None:
    state = network.state_dict()
    files = [saved(official(network)), saved(state), safetensors.torch.save(state), saved({"state_dict": state})]
    first, *others = [radimagenet_weights.arrays_from_file(data) for data in files]
    assert len(first) == 265
    for arrays in others:
        assert safetensors_bytes(arrays) == safetensors_bytes(first)


def test_the_network_is_torchvisions_before_the_classifier(network: nn.Module) -> None:
    ours = radimagenet.resnet50(safetensors_bytes(radimagenet_weights.arrays_from_file(saved(official(network)))))
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = nn.Sequential(*list(network.children())[:9])(x).flatten(1)
        np.testing.assert_allclose(ours(x), expected, rtol=1e-5, atol=1e-5)


def test_one_renamed_key_is_refused(network: nn.Module) -> None:
    state = official(network)
    state["backbone.4.0.conv9.weight"] = state.pop("backbone.4.0.conv1.weight")
    with pytest.raises(BenchError, match=r"1 arrays missing, 1 unexpected .* layer1\.0\.conv1\.weight") as caught:
        radimagenet_weights.arrays_from_file(saved(state))
    assert caught.value.exit_code == ExitCode.INVALID


def test_only_the_classifier_may_be_missing(network: nn.Module) -> None:
    state = {name: value for name, value in network.state_dict().items() if not name.startswith("fc.")}
    assert len(radimagenet_weights.arrays_from_file(saved(state))) == 265


@pytest.mark.parametrize("name", ["conv1.bias", "layer1.0.conv1.bias", "backbone.0.bias", "conv2_block1_1_conv.weight"])
def test_a_port_of_the_keras_file_is_refused_by_name(network: nn.Module, name: str) -> None:
    with pytest.raises(BenchError, match="port of the Keras file") as caught:
        radimagenet_weights.arrays_from_file(saved(network.state_dict() | {name: torch.zeros(64)}))
    assert caught.value.found == name


def test_a_whole_pickled_model_is_refused_by_name_and_not_run(network: nn.Module) -> None:
    with pytest.raises(BenchError, match="could run code") as caught:
        radimagenet_weights.arrays_from_file(saved(network))
    assert caught.value.found == "it asks for torchvision.models.resnet.ResNet"
    assert caught.value.exit_code == ExitCode.INVALID


def test_features_of_an_installed_file_are_those_of_the_pinned_preprocessing(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ResNet50.pt").write_bytes(saved(official(network)))
    weight_install.install(weight_registry.RADIMAGENET, source_file=tmp_path / "ResNet50.pt")
    radimagenet._network.cache_clear()
    volume = np.full((6, 40, 56), 200, np.uint8)
    features = radimagenet.bscan_features(volume[None])
    with torch.inference_mode():
        grey = torch.full((1, 3, 224, 224), (200 - 127.5) * 2 / 255)
        expected = nn.Sequential(*list(network.children())[:9])(grey).flatten(1)
    radimagenet._network.cache_clear()
    assert features.shape == (6, 2048)
    np.testing.assert_allclose(features, expected.expand(6, -1), rtol=1e-4, atol=1e-4)
