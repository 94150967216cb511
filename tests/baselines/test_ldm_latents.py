"""`ldm`: latents standardised on the training volumes."""

from __future__ import annotations

import pytest
import torch

from fundus2oct.baselines import ldm
from fundus2oct.baselines.training.learned_method import profile_settings


def test_standardised_latents_have_mean_zero_everywhere_and_spread_one() -> None:
    networks = ldm.make_networks(profile_settings(ldm.METHOD, "tiny"))
    random = torch.Generator().manual_seed(1)
    shape = (1, 200, *networks.scale.mean.shape)
    place = torch.randn(networks.scale.mean.shape, generator=random) * 3
    mean = place + 0.7 * torch.randn(shape, generator=random)
    spread = torch.full(shape, 0.4)
    networks.measure(mean, spread)
    seen = networks.standardised(mean[0] + spread[0] * torch.randn(shape[1:], generator=random))
    assert float(seen.mean(dim=0).abs().max()) < 0.3  # the posterior's noise over 200 volumes: 4 of 0.07
    assert float(seen.square().mean()) == pytest.approx(1, abs=0.02)
    assert float(networks.scale.spread.mean()) == pytest.approx((0.7**2 + 0.4**2) ** 0.5, rel=0.02)


def test_what_is_drawn_is_in_the_autoencoders_latents_again() -> None:
    settings = profile_settings(ldm.METHOD, "tiny")
    networks = ldm.make_networks(settings)
    fundus = torch.zeros(1, 3, settings.conditioning.fundus_size, settings.conditioning.fundus_size)
    strips = torch.zeros(1, 6, 3, settings.conditioning.across, settings.conditioning.along)
    with torch.no_grad():
        latents = networks.diffusion.draw(fundus, strips, [3])
        networks.scale.mean.fill_(0.5)
        networks.scale.spread.fill_(2.0)
        drawn = networks.draw(fundus, strips, [3])
        expected = networks.autoencoder.decode(networks.autoencoder.from_unit(latents * 2 + 0.5))
    assert torch.allclose(drawn, expected, atol=1e-5)
