"""The checks every paired metric makes before it compares a generated volume with the truth. No metric is here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.scan_geometry import N_BSCANS


def check_pair(truth: NDArray[np.uint8], generated: NDArray[np.uint8], *, min_side: int = 1) -> None:
    """Refuse anything but two uint8 volumes (6, h, w) of one shape; nothing is cast or resized silently.

    Raises:
        ValueError: naming the argument, the rule and what was found.
    """
    check_volume(truth, "truth", min_side=min_side)
    check_volume(generated, "generated", min_side=min_side)
    if truth.shape != generated.shape:
        raise ValueError(f"generated: expected the shape of truth, {truth.shape}, found {generated.shape}")


def check_volume(volume: NDArray[np.uint8], name: str, *, min_side: int = 1) -> None:
    """Refuse anything but a uint8 array (6, h, w) with both sides at least ``min_side``."""
    if not isinstance(volume, np.ndarray) or volume.dtype != np.uint8:
        found = getattr(volume, "dtype", type(volume).__name__)
        raise ValueError(f"{name}: expected a uint8 array, grey levels 0..255, found {found}; round and clip it first")
    if volume.ndim != 3 or volume.shape[0] != N_BSCANS or min(volume.shape[1:]) < min_side:
        rule = f"({N_BSCANS}, h, w)" + (f" with h and w at least {min_side}" if min_side > 1 else "")
        raise ValueError(f"{name}: expected shape {rule}, found {volume.shape}")
