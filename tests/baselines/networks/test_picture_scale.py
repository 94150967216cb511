"""Photographs as deviations from the usual one."""

from __future__ import annotations

import torch

from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder, FundusEncoderConfig
from fundus2oct.baselines.networks.picture_scale import LEAST_SPREAD, PictureScale
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig, SpatialMapEncoder
from fundus2oct.baselines.training.eye_tensors import EyeTensors, as_network_values
from fundus2oct.baselines.training.photograph_scale import measure_photographs

PICTURES = torch.randn(12, 3, 8, 10, generator=torch.Generator().manual_seed(0)) * 0.3 + torch.linspace(-1, 1, 10)


def test_it_does_nothing_before_it_is_measured() -> None:
    assert torch.equal(PictureScale(3, (4, 5))(PICTURES), PICTURES)


def test_at_its_own_grid_training_pictures_have_mean_zero_and_their_spread_one() -> None:
    scale = PictureScale(3, (8, 10))
    scale.measure(torch.split(PICTURES, 5))
    scaled = scale(PICTURES)
    assert float(scaled.mean(dim=0).abs().max()) < 1e-5
    expected = PICTURES.std(dim=0, correction=0)
    assert torch.allclose(scaled.std(dim=0, correction=0), expected / (expected + LEAST_SPREAD), atol=1e-5)


def test_a_coarse_grid_takes_a_gradient_away() -> None:
    scale = PictureScale(3, (4, 5))
    scale.measure([PICTURES])
    columns = scale(PICTURES).mean(dim=(0, 1, 2))
    assert float(columns.abs().max()) < 0.6 < float(PICTURES.mean(dim=(0, 1, 2)).abs().max())


def test_every_encoder_of_a_network_is_measured_on_the_training_eyes() -> None:
    random = torch.Generator().manual_seed(2)
    fundus = torch.randint(256, (1, 9, 3, 32, 32), dtype=torch.uint8, generator=random)
    strips = torch.randint(256, (1, 9, 6, 3, 4, 32), dtype=torch.uint8, generator=random)
    eyes = EyeTensors(fundus, strips, torch.empty(1, 9, 6, 0, 0, dtype=torch.uint8), torch.empty(1, 0, 6, 0, 0), 0.0)
    photograph, lines = FundusEncoder(FundusEncoderConfig(), 16), SpatialMapEncoder(SpatialMapConfig(across=4))
    measure_photographs(torch.nn.ModuleList([photograph, lines]), eyes)
    assert torch.allclose(photograph.scale.mean[0], as_network_values(fundus[0]).mean(dim=0), atol=1e-6)
    assert torch.allclose(lines.scale.mean[0], as_network_values(strips[0]).mean(dim=0).flatten(0, 1), atol=1e-6)
