"""The table of the learned baselines: what is counted, that peers fit, and that every method has its rows."""

from __future__ import annotations

import measure_baselines
import pytest
import torch
from denoiser_peers import PEERS, like_size
from measure_baselines import Bench, Row, parameters
from operation_count import operations
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fundus2oct.baselines import ddpm, ldm
from fundus2oct.baselines.training.learned_method import profile_settings


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny networks are slower on several threads."""
    torch.set_num_threads(1)


def test_operations_and_parameters_are_those_of_a_convolution_by_hand() -> None:
    """5 x 7 outputs in 4 channels, of 3 x 3 x 2 products each: 2 * 35 * 4 * 18 operations; 4 * (18 + 1) parameters."""
    layer = nn.Conv2d(2, 4, 3, padding=1)
    assert operations(lambda: layer(torch.zeros(1, 2, 5, 7))) == 2 * 35 * 4 * 18
    assert parameters([layer]) == pytest.approx(76e-6)


def test_attention_is_counted_on_a_processor() -> None:
    """Six tokens of width 8: two products of 6 x 6 x 8 in the forward pass."""
    tokens = torch.zeros(1, 1, 6, 8)
    assert operations(lambda: nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)) == 2 * 2 * 6 * 6 * 8


def test_operations_are_those_that_torch_counts() -> None:
    """Forward and backward pass of a small network, beside FlopCounterMode."""
    layers = nn.Sequential(nn.Conv2d(2, 4, 3), nn.SiLU(), nn.Conv2d(4, 3, 1), nn.Flatten(), nn.Linear(3 * 9, 5))

    def step() -> None:
        layers(torch.zeros(2, 2, 5, 5)).sum().backward()

    with FlopCounterMode(display=False) as counter:
        step()
    assert operations(step) == counter.get_total_flops() > 0


def test_a_row_says_ratio_and_share() -> None:
    cells = str(Row("x", 2.0, "s", 3.0, 0.5)).split()
    assert cells == ["x", "2", "s", "3", "1.50", "0.5", "25%"]


@pytest.mark.parametrize("profile", ["demo", "gpu"])
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("method", [ddpm, ldm])
def test_a_peer_has_about_as_many_parameters(method: object, peer: str, profile: str) -> None:
    assert method in (ddpm, ldm)
    settings = profile_settings(method.METHOD, profile)  # type: ignore[attr-defined]
    with torch.device("meta"):
        networks = method.make_networks(settings)  # type: ignore[attr-defined]
        denoiser = (networks.diffusion if method is ldm else networks).denoiser
        ours = sum(p.numel() for p in denoiser.parameters())
        theirs = sum(p.numel() for p in like_size(peer, denoiser.config.unet, ours).parameters())
    assert ours / 1.5 < theirs < ours * 1.5


@pytest.mark.slow
def test_every_method_is_measured_and_peers_take_the_same_arrays() -> None:
    found = list(measure_baselines.measure(Bench("cpu", runs=1), "tiny"))
    figures = [row.figure for row in found]
    for method in ("gan", "ddpm", "ldm"):
        assert any(figure.startswith(f"{method}: step of stage") for figure in figures)
        assert f"{method}: a sampled volume" in figures
    assert sum(figure.startswith("ldm: step") for figure in figures) == 3
    for method in ("ddpm", "ldm"):
        for peer in PEERS:
            assert sum(figure.startswith(f"{method} denoiser, {peer}:") for figure in figures) == 4
    assert all(row.ours > 0 and (row.theirs is None or row.theirs > 0) for row in found)
    assert all(row.limit is None or 0 < row.limit < row.ours for row in found)
