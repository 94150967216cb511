"""I3D against its reference implementation, and what makes a score reproducible: no digit depends on the neighbours."""

from __future__ import annotations

import json
from pathlib import Path

import i3d_clips
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fundus2oct.metrics import i3d
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.fused_convolution import pad_with_zeros, same_pads

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "i3d_logits.json").read_text())["logits"]


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
@pytest.mark.parametrize("name", list(i3d_clips.CLIPS))
def test_logits_equal_the_reference_implementation(name: str) -> None:
    logits = i3d.i3d_logits(i3d_clips.clip(name)[None])[0]
    np.testing.assert_allclose(logits, GOLDEN[name], rtol=0, atol=5e-5)


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
@pytest.mark.parametrize(("frames", "anchor"), [(30, 151.39244), (16, 152.9020), (10, 569.7717)])
def test_black_against_white_gives_the_known_distance(frames: int, anchor: float) -> None:
    """T = 30: the original TensorFlow graph; 16 and 10: the JAX port. Eight equal clips each, so one is run."""
    black, white = (i3d.i3d_logits(i3d_clips.constant_clips(value, 1, frames)) for value in (-1, 1))
    assert frechet_distance(black.repeat(8, axis=0), white.repeat(8, axis=0)) == pytest.approx(
        anchor, abs=0.002, rel=1e-5
    )


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_grey_clips_give_the_logits_of_three_equal_channels() -> None:
    grey = i3d_clips.clip("grey-16")[None, ..., 0]
    np.testing.assert_allclose(i3d.i3d_logits_grey(grey)[0], GOLDEN["grey-16"], rtol=0, atol=5e-5)


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_a_clips_logits_are_bitwise_the_same_in_any_company() -> None:
    clips = np.stack([i3d_clips.clip("mixed-9")[..., channel] for channel in range(3)])
    clips.flags.writeable = False
    together = i3d.i3d_logits_grey(clips)
    np.testing.assert_array_equal(i3d.i3d_logits_grey(clips[[2, 0]]), together[[2, 0]])
    np.testing.assert_array_equal(i3d.i3d_logits_grey(clips[1:2]), together[1:2])


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_the_callers_thread_count_changes_no_digit_and_is_restored() -> None:
    clips = i3d_clips.clip("mixed-9")[None, ..., 0]
    before, usual = torch.get_num_threads(), i3d.i3d_logits_grey(clips)
    torch.set_num_threads(1)
    try:
        single = i3d.i3d_logits_grey(clips)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(single, usual)


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_no_clips_give_no_logits() -> None:
    assert i3d.i3d_logits(np.empty((0, 9, 224, 224, 3), np.float32)).shape == (0, 400)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (np.zeros((1, 8, 224, 224, 3), np.float32), "at least 9 frames, found 8"),
        (np.zeros((1, 9, 224, 224, 3)), "float32 array .* found float64"),
        (
            np.zeros((1, 3, 9, 224, 224), np.float32),
            r"expected shape \(n, t, 224, 224, 3\), found \(1, 3, 9, 224, 224\)",
        ),
        (np.full((1, 9, 224, 224, 3), 255, np.float32), r"values in \[-1, 1\], found 255"),
        (np.full((1, 9, 224, 224, 3), np.nan, np.float32), r"values in \[-1, 1\], found nan"),
    ],
)
def test_clips_outside_the_rules_are_refused(clips: NDArray[np.float32], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        i3d.i3d_logits(clips)


@pytest.mark.parametrize(
    ("size", "stride"), [((3, 3, 3), (1, 1, 1)), ((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2))]
)
@pytest.mark.parametrize("shape", [(5, 8, 11), (4, 7, 7)], ids=str)
def test_max_pooling_equals_torchs_on_a_padded_input(
    shape: tuple[int, int, int], size: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    x = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    before, after = zip(*same_pads(shape, size, stride), strict=True)
    expected = functional.max_pool3d(pad_with_zeros(x, before, after), size, stride)
    assert torch.equal(i3d._max_pool(x, size, stride), expected)
