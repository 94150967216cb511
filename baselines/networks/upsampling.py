"""From a network's volume to the volume the harness scores: plain bilinear interpolation, then bytes.

Networks work at a reduced size, each pixel the mean of the area it covers. Up-sampling is that grid's bilinear
interpolation about pixel centres, so columns keep their places on the retina and mirror symmetry is exact. Nothing is
invented here: detail finer than a network's pixel, the finest speckle included, is missing from the result, and metrics
of texture will say so.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fundus2oct.metrics.scan_geometry import DEPTH, N_BSCANS, WIDTH


def full_volumes(x: Tensor) -> Tensor:
    """Volumes as the harness takes them.

    Args:
        x: (batch, 6, 1, h, w) float, [-1, 1] for black to white; what lies outside is clipped.

    Returns:
        (batch, 6, 320, 448) uint8, 0..255, on the device of x.

    Raises:
        ValueError: for another shape, or a value that is not finite.
    """
    if x.ndim != 5 or x.shape[1:3] != (N_BSCANS, 1):
        raise ValueError(f"x: expected (batch, {N_BSCANS}, 1, h, w), found {tuple(x.shape)}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("x: expected finite values; the network gave NaN or infinity")
    full = functional.interpolate(x[:, :, 0].float(), size=(DEPTH, WIDTH), mode="bilinear", align_corners=False)
    return ((full + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
