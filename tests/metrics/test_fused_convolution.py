"""The fused convolution against torch's own operators, step by step, on either of its two ways."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fundus2oct.metrics import fused_convolution
from fundus2oct.metrics.fused_convolution import FusedConvolution, pad_with_zeros, same_pads

CASES = {
    "first of I3D": ((1, 1, 5, 9, 12), (8, 1, 7, 7, 7), 2, 1, "relu"),
    "inner of I3D": ((1, 6, 4, 7, 5), (9, 6, 3, 3, 3), 1, 1, "relu"),
    "last of I3D": ((1, 6, 2, 1, 1), (9, 6, 1, 1, 1), 1, 1, "none"),
    "depthwise": ((3, 16, 9, 12), (16, 1, 5, 5), 2, 16, "relu6"),
    "expansion": ((3, 16, 9, 12), (24, 16, 1, 1), 1, 1, "relu6"),
}


def tensors(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Input, kernel and bias, large enough for both ends of ReLU6."""
    shape, kernel_shape = CASES[name][:2]
    generator = torch.Generator().manual_seed(0)
    x, kernel, bias = (torch.randn(s, generator=generator) for s in (shape, kernel_shape, kernel_shape[:1]))
    layout = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return 4 * x.contiguous(memory_format=layout), kernel, bias


def expected(name: str) -> Tensor:
    """Pad, convolve in float64, activate."""
    x, kernel, bias = (t.double() for t in tensors(name))
    _, _, stride, groups, activation = CASES[name]
    before, after = zip(*same_pads(tuple(x.shape[2:]), tuple(kernel.shape[2:]), (stride,) * (x.ndim - 2)), strict=True)
    convolve = functional.conv3d if x.ndim == 5 else functional.conv2d
    y = convolve(pad_with_zeros(x, before, after), kernel, bias, stride, groups=groups)
    limits = {"none": (None, None), "relu": (0, None), "relu6": (0, 6)}[activation]
    return y if limits == (None, None) else y.clamp(*limits)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("has_onednn", [True, False], ids=["oneDNN", "torch"])
def test_the_numbers_are_those_of_torchs_operators(
    name: str, has_onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_onednn:
        monkeypatch.setattr(fused_convolution, "_has_onednn", lambda x: False)
    x, kernel, bias = tensors(name)
    _, _, stride, groups, activation = CASES[name]
    unit = FusedConvolution(kernel, bias, "cpu", stride=stride, groups=groups, activation=activation)
    with torch.inference_mode():
        found = unit(x)
    torch.testing.assert_close(found.double(), expected(name), rtol=0, atol=1e-4)


def test_weights_laid_out_for_one_shape_serve_the_next() -> None:
    _, kernel, bias = tensors("inner of I3D")
    unit = FusedConvolution(kernel, bias, "cpu")
    with torch.inference_mode():
        for frames in (4, 9, 4):
            x = torch.rand(1, 6, frames, 7, 5, generator=torch.Generator().manual_seed(frames))
            plain = functional.conv3d(x, kernel, bias, padding=1).relu()
            torch.testing.assert_close(unit(x), plain, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("length", "size", "stride", "before", "after"),
    [(16, 7, 2, 2, 3), (15, 7, 2, 3, 3), (112, 3, 2, 0, 1), (56, 3, 1, 1, 1), (7, 2, 2, 0, 1), (8, 2, 2, 0, 0)],
)
def test_same_padding_puts_the_odd_zero_after(length: int, size: int, stride: int, before: int, after: int) -> None:
    """By hand from TensorFlow's rule: total = (ceil(n / s) - 1) s + k - n, the smaller half first."""
    assert same_pads((length,), (size,), (stride,)) == [(before, after)]


def test_zeros_go_to_the_axis_they_are_meant_for() -> None:
    padded = pad_with_zeros(torch.ones(1, 1, 1, 2, 3), (0, 1, 0), (0, 0, 2))
    assert padded[0, 0, 0].tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]
