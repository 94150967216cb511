"""`ddpm`: pixels as patches, standardised on the training volumes."""

from __future__ import annotations

import pytest
import torch

from fundus2oct.baselines import ddpm
from fundus2oct.baselines.training.learned_method import profile_settings
from fundus2oct.metrics.errors import BenchError

STANDARDISED = ("standardised=true", "diffusion.prediction=v", "diffusion.clip=false")


def volumes(settings: ddpm.DdpmSettings) -> torch.Tensor:
    """Seven volumes of noise about a ramp."""
    shape = (7, 6, 1, settings.data.height, settings.data.width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(4)) * 0.2 + torch.linspace(-1, 0, shape[-1])


def test_standardised_volumes_have_mean_zero_everywhere_and_spread_one() -> None:
    settings = profile_settings(ddpm.METHOD, "tiny", STANDARDISED)
    networks, pictures = ddpm.make_networks(settings), volumes(settings)
    networks.measure(torch.split(pictures, 3))
    seen = networks.patches(pictures)
    assert float(seen.mean(dim=0).abs().max()) < 1e-5
    assert float(seen.square().mean()) == pytest.approx(1, abs=1e-5)


def test_what_is_drawn_is_in_grey_levels_again() -> None:
    settings = profile_settings(ddpm.METHOD, "tiny", STANDARDISED)
    networks, pictures = ddpm.make_networks(settings), volumes(settings)
    fundus = torch.zeros(1, 3, settings.conditioning.fundus_size, settings.conditioning.fundus_size)
    strips = torch.zeros(1, 6, 3, settings.conditioning.across, settings.conditioning.along)
    before = networks.draw(fundus, strips, [1])
    networks.measure([pictures])
    after = networks.draw(fundus, strips, [1])
    assert torch.allclose(after, before * networks.scale.spread + networks.scale.mean, atol=1e-5)


def test_clipping_to_grey_levels_does_not_go_with_standardised_pictures() -> None:
    with pytest.raises(BenchError, match=r"diffusion\.clip"):
        profile_settings(ddpm.METHOD, "tiny", ("standardised=true", "diffusion.clip=true"))
