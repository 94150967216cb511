"""Pixels drawn from the decoder's distribution."""

from __future__ import annotations

import pytest
import torch

from fundus2oct.baselines import ldm
from fundus2oct.baselines.networks.pixel_noise import LEVELS, PixelNoise
from fundus2oct.baselines.training.learned_method import profile_settings


def test_it_draws_the_spread_it_was_measured_with_at_each_brightness() -> None:
    random = torch.Generator().manual_seed(5)
    decoded = torch.rand(40, 100, 100, generator=random) * 1.6 - 0.8
    known = 0.05 + 0.1 * (decoded + 1)  # grows with brightness, as speckle does
    noise = PixelNoise()
    real = decoded + known * torch.randn(decoded.shape, generator=random)
    noise.measure(zip(torch.split(real, 9), torch.split(decoded, 9), strict=True))
    drawn = noise(decoded, torch.randn(decoded.shape, generator=random))
    for low in (-0.7, -0.1, 0.5):
        place = (decoded > low) & (decoded < low + 0.1)
        assert float((drawn - decoded)[place].std()) == pytest.approx(float(known[place].mean()), rel=0.05)


def test_a_level_that_never_occurred_takes_the_nearest_ones_spread() -> None:
    noise = PixelNoise()
    noise.measure([(torch.full((4, 4), 0.3), torch.zeros(4, 4))])
    assert torch.allclose(noise.spread, torch.full((LEVELS,), 0.3))


def test_a_drawn_volume_follows_from_its_seed_alone() -> None:
    settings = profile_settings(ldm.METHOD, "tiny", ("drawn_pixels=true",))
    networks = ldm.make_networks(settings)
    assert networks.pixel_noise is not None
    networks.pixel_noise.spread.fill_(0.2)
    fundus = torch.zeros(2, 3, settings.conditioning.fundus_size, settings.conditioning.fundus_size)
    strips = torch.zeros(2, 6, 3, settings.conditioning.across, settings.conditioning.along)
    with torch.no_grad():
        both, one = networks.draw(fundus, strips, [3, 4]), networks.draw(fundus[:1], strips[:1], [4])
    assert torch.allclose(both[1:], one, atol=1e-5)
    assert float((both[0] - both[1]).std()) > 0.2
