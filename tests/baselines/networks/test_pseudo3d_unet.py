"""The pseudo-3D U-Net: stage 2 starts where stage 1 ended, its new layers do what they say, bad input is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import drawn, randomised, without_gradient

from fundus2oct.baselines.networks import pseudo3d_blocks
from fundus2oct.baselines.networks.pseudo3d_blocks import MapInjection, SliceAttention, SliceConvolution
from fundus2oct.baselines.networks.pseudo3d_unet import Condition, PseudoUNet, PseudoUNetConfig
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import mirror_volume

STAGE2 = PseudoUNetConfig(
    in_channels=2,
    out_channels=2,
    channels=8,
    multipliers=(1, 2),
    attention_levels=(0, 1),
    head_width=4,
    context_width=12,
    map_channels=5,
)
STAGE1 = replace(STAGE2, with_slices=False, with_context=False, map_channels=0)


def condition(batch: int = 2) -> Condition:
    return Condition(drawn(batch, 7, 12, seed=1), drawn(batch, 6, 5, 1, 9, seed=2))


X, T = drawn(2, 6, 2, 8, 12), torch.tensor([999, 40])


def test_stage_2_starts_exactly_where_stage_1_ended() -> None:
    stage1 = randomised(PseudoUNet(STAGE1))
    stage2 = PseudoUNet(STAGE2)
    stage2.load_stage1(stage1.state_dict())
    with torch.no_grad():
        volume = stage2(X, T, condition())
        slices = torch.cat([stage1(X[:, i : i + 1], T) for i in range(6)], dim=1)
        together = stage1(X, T)
    assert float(volume.abs().mean()) > 0.1
    assert float((volume - together).abs().max()) == 0.0
    torch.testing.assert_close(volume, slices, rtol=1e-5, atol=1e-5)  # another batch size, another order of sums


@pytest.mark.parametrize(
    "layer", ["slice_convolution", "slice_attention", "cross_attention", "map_injections", "angle"]
)
def test_each_new_layer_matters_once_it_is_trained(layer: str) -> None:
    network = PseudoUNet(STAGE2)
    network.load_stage1(randomised(PseudoUNet(STAGE1)).state_dict())
    with torch.no_grad():
        before = network(X, T, condition())
        for name, parameter in network.named_parameters():
            if layer in name:
                parameter.add_(0.2 * drawn(*parameter.shape, seed=4))
        after = network(X, T, condition())
    assert float((after - before).abs().max()) > 1e-3


def test_one_changed_b_scan_changes_its_siblings_in_stage_2_alone() -> None:
    changed = X.clone()
    changed[:, 2] += 1
    for config, expected in ((STAGE1, False), (STAGE2, True)):
        network = randomised(PseudoUNet(config))
        with torch.no_grad():
            difference = (network(changed, T) - network(X, T)).abs().amax(dim=(0, 2, 3, 4))
        assert bool(difference[2] > 0)
        assert [bool(d > 1e-6) for i, d in enumerate(difference) if i != 2] == [expected] * 5


def test_slice_layers_know_that_the_lines_close_a_circle() -> None:
    """Turning the eye by thirty degrees moves every line to the next; the last becomes the first run backwards."""
    layer = randomised(SliceConvolution(3))
    x = drawn(6, 3, 4, 8)
    turned = torch.cat([x[-1:].flip(-1), x[:-1]])
    with torch.no_grad():
        direct, expected = layer(turned, 6), layer(x, 6)
    torch.testing.assert_close(direct[1:], expected[:-1], rtol=0, atol=1e-6)
    torch.testing.assert_close(direct[0], expected[-1].flip(-1), rtol=0, atol=1e-6)


def test_slice_convolution_sees_direct_neighbours_only() -> None:
    layer, x = randomised(SliceConvolution(3)), drawn(6, 3, 4, 8)
    changed = x.clone()
    changed[0] += 1
    with torch.no_grad():
        moved = (layer(changed, 6) - layer(x, 6)).abs().amax(dim=(1, 2, 3)) > 1e-6
    assert moved.tolist() == [True, True, False, False, False, True]


def test_slice_attention_mixes_the_same_place_only() -> None:
    layer, x = randomised(SliceAttention(4, 4)), drawn(6, 4, 3, 5)
    changed = x.clone()
    changed[4, 0, 1, 2] += 1
    with torch.no_grad():
        moved = (layer(changed, 6) - layer(x, 6)).abs().amax(dim=1) > 1e-6
    assert bool(moved[:, 1, 2].all())
    assert int(moved.sum()) == 6


def test_slice_layers_commute_with_the_mirror_rule() -> None:
    x = drawn(6, 4, 3, 8)
    mirrored = torch.from_numpy(mirror_volume(x.numpy()))
    attention = randomised(SliceAttention(4, 4))
    with torch.no_grad():
        direct, expected = attention(mirrored, 6), mirror_volume(attention(x, 6).numpy())
    inner = [1, 2, 3, 4, 5]  # frame 0 keeps its columns under the mirror, so its siblings face it from the other side
    assert float((direct[inner] - torch.from_numpy(expected)[inner]).abs().max()) > 1e-3
    symmetric = (x + x.flip(-1)) / 2
    mirrored = torch.from_numpy(mirror_volume(symmetric.numpy()))
    with torch.no_grad():
        direct, expected = attention(mirrored, 6), mirror_volume(attention(symmetric, 6).numpy())
    torch.testing.assert_close(direct, torch.from_numpy(expected), rtol=0, atol=1e-6)


def test_more_places_than_a_fused_kernel_takes_are_attended_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = randomised(SliceAttention(4, 4)), drawn(12, 4, 3, 5)
    with torch.no_grad():
        whole = layer(x, 6)
        monkeypatch.setattr(pseudo3d_blocks, "LARGEST_ATTENTION_BATCH", 7)
        parts = layer(x, 6)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)


def test_map_is_added_where_its_column_is() -> None:
    layer = MapInjection(2, 3)
    randomised(layer)
    maps = torch.zeros(1, 2, 1, 6)
    with torch.no_grad():
        layer.projection.bias.zero_()
        maps[0, :, 0, 4] = 1.0
        added = layer(torch.zeros(1, 3, 5, 12), maps)[0]
    assert sorted(set(torch.nonzero(added.abs().sum(dim=(0, 1)) > 1e-6).flatten().tolist())) == [8, 9]


def test_a_case_does_not_depend_on_its_neighbours() -> None:
    network = randomised(PseudoUNet(STAGE2))
    both, c = condition(), condition()
    with torch.no_grad():
        together = network(X, T, both)
        alone = network(X[1:], T[1:], Condition(c.tokens[1:], c.maps[1:] if c.maps is not None else None))
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-5)


def test_every_parameter_gets_a_gradient_soon() -> None:
    """After one step away from the zero starts nothing is dead."""
    network = randomised(PseudoUNet(STAGE2))
    network(X, T, condition()).square().mean().backward()
    assert without_gradient(network) == []


def test_stage_1_of_another_shape_is_refused_and_nothing_is_loaded() -> None:
    stage2 = PseudoUNet(STAGE2)
    before = {name: value.clone() for name, value in stage2.state_dict().items()}
    wider = PseudoUNet(replace(STAGE1, channels=16)).state_dict()
    with pytest.raises(BenchError, match=r"E_WEIGHTS: stage 1 does not fit .*expected: shape .*found: shape"):
        stage2.load_stage1(wider)
    assert all(torch.equal(value, before[name]) for name, value in stage2.state_dict().items())


@pytest.mark.parametrize(("change", "found"), [("missing", "no such tensor"), ("extra", "shape")])
def test_stage_1_with_a_missing_or_superfluous_tensor_is_refused(change: str, found: str) -> None:
    state = dict(PseudoUNet(STAGE1).state_dict())
    if change == "missing":
        del state["first.weight"]
    else:
        state["down.0.slice_convolution.rest.weight"] = torch.zeros(8, 24, 1, 1)
    with pytest.raises(BenchError, match=f"found: {found}"):
        PseudoUNet(STAGE2).load_stage1(state)


@pytest.mark.parametrize("shape", [(2, 6, 2, 7, 12), (2, 6, 1, 8, 12), (6, 2, 8, 12), (2, 5, 2, 8, 12)])
def test_wrong_shape_is_refused_with_what_was_found(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x: .*found"):
        PseudoUNet(STAGE2)(torch.zeros(shape), T)
