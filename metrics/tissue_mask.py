"""Where a B-scan shows tissue rather than dark vitreous or noise: Otsu's threshold on the smoothed picture.

Called by the metrics that judge tissue alone. It finds brightness, not anatomy; surfaces are in `retinal_layers`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMOOTHING_PX: Final = 4.0
"""Standard deviation of the Gaussian; speckle is smaller, a retina much larger."""


def tissue_mask(volume: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels whose smoothed grey level lies above Otsu's threshold of the volume.

    Args:
        volume: (b, h, w) uint8.

    Returns:
        (b, h, w) bool; nothing for a constant volume.
    """
    smooth = np.stack([ndimage.gaussian_filter(bscan.astype(np.float64), SMOOTHING_PX) for bscan in volume])
    mask: NDArray[np.bool_] = smooth > otsu_threshold(smooth)
    return mask


def otsu_threshold(grey: NDArray[np.float64]) -> float:
    """The level that best parts the values in two groups (Otsu, IEEE Trans. Systems, Man and Cybernetics 1979, eq. 18).

    Args:
        grey: any shape, levels 0..255.

    Returns:
        The upper edge of the darker group, to a quarter of a grey level.

    >>> otsu_threshold(np.array([10.0, 10.0, 12.0, 200.0, 202.0]))
    12.25
    """
    counts, edges = np.histogram(grey, bins=1024, range=(0, 256))
    centres = (edges[:-1] + edges[1:]) / 2
    share = np.cumsum(counts) / counts.sum()
    mean = np.cumsum(counts * centres) / counts.sum()
    inside = (share > 0) & (share < 1)
    if not inside.any():
        return float(grey.max())
    between = np.full(len(counts), -1.0)
    between[inside] = (mean[-1] * share[inside] - mean[inside]) ** 2 / (share[inside] * (1 - share[inside]))
    return float(edges[1:][int(np.argmax(between))])
