"""Up-sampling to the harness's size: places are kept, mirror symmetry is exact, bytes are rounded and clipped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import drawn

from fundus2oct.baselines.networks.upsampling import full_volumes
from fundus2oct.metrics.scan_geometry import mirror_volume


def test_bytes_are_rounded_and_clipped() -> None:
    values = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0, 0.5])
    x = values[None, :, None, None, None].expand(1, 6, 1, 4, 6)
    found = full_volumes(x)
    assert found.shape == (1, 6, 320, 448)
    assert found.dtype == torch.uint8
    assert [int(v) for v in found[0, :, 7, 9]] == [0, 0, 128, 255, 255, 191]


def test_a_volume_of_full_size_is_only_rounded() -> None:
    pixels = torch.randint(0, 256, (1, 6, 320, 448), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert torch.equal(full_volumes((pixels.float() / 127.5 - 1)[:, :, None]), pixels)


def test_places_are_kept() -> None:
    """A ramp in columns stays the same ramp: the pixel's centre is its place, not its corner."""
    ramp = ((torch.arange(64) + 0.5) / 64 - 0.5).expand(1, 6, 1, 64, 64)
    found = full_volumes(ramp)[0, 3, 100].double()
    expected = ((torch.arange(448) + 0.5) / 448 - 0.5 + 1) * 127.5
    assert float((found - expected)[4:-4].abs().max()) <= 0.51


def test_mirror_image_of_the_result_is_the_result_of_the_mirror_image() -> None:
    x = drawn(1, 6, 1, 64, 96).tanh()
    mirrored = torch.from_numpy(mirror_volume(x[0].numpy()))[None]
    expected = mirror_volume(full_volumes(x)[0].numpy())
    assert np.abs(full_volumes(mirrored)[0].numpy().astype(int) - expected).max() <= 1


def test_other_shapes_and_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x: expected \(batch, 6, 1, h, w\), found \(1, 5, 1, 4, 4\)"):
        full_volumes(torch.zeros(1, 5, 1, 4, 4))
    with pytest.raises(ValueError, match="the network gave NaN or infinity"):
        full_volumes(torch.full((1, 6, 1, 4, 4), float("nan")))
