"""Fréchet distances of a radial volume's other planes, seen from the front and along circles: features and cards.

Diagnostic, never ranked. The pictures are cut in `section_planes`, the network is `efficientnet_lite0`, imported late;
the third plane, the B-scan, is the distance of `picture_distances`. No torch at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.frechet_distance import JACKKNIFE_GROUPS
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.picture_distances import EFFICIENTNET
from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION
from fundus2oct.metrics.section_planes import (
    RADII_UM,
    SLABS_UM,
    circular_sections,
    en_face_pictures,
    surfaces,
)

Pictures = NDArray[np.float64]


def en_face_features(volumes: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """EfficientNet features of three en-face pictures of every volume: (3 n, 1280) float32.

    Args:
        volumes: any iterable of (6, 320, 448) uint8.
    """

    def pictures(volume: NDArray[np.uint8]) -> Pictures:
        ilm, bm = surfaces(volume)
        return en_face_pictures(volume, ilm, bm)

    return _features(volumes, pictures)


def circular_features(volumes: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """EfficientNet features of two circular sections of every volume: (2 n, 1280) float32.

    Args:
        volumes: any iterable of (6, 320, 448) uint8.
    """
    return _features(volumes, lambda volume: circular_sections(volume, surfaces(volume)[1]))


def _features(
    volumes: Iterable[NDArray[np.uint8]], pictures: Callable[[NDArray[np.uint8]], Pictures]
) -> NDArray[np.float32]:
    from fundus2oct.metrics.efficientnet_lite0 import SIDE, picture_features
    from fundus2oct.metrics.efficientnet_weights import N_FEATURES
    from fundus2oct.metrics.picture_resize import resized

    rows = [picture_features(resized(pictures(volume), SIDE)) for volume in volumes]
    return np.concatenate(rows) if rows else np.empty((0, N_FEATURES), np.float32)


_READING: Final = (
    "How to read it: lower is better, 0 only for a copy of the truth; compare with the controls of the same "
    "board alone, and with the same distance of the B-scans. An entry that is good in the B-scans and bad here "
    "draws six fine slices that do not belong to one eye.",
    "Works on volumes of many parallel slices report such distances for three planes. Six radial lines have "
    "one native plane, the B-scan; the others are interpolated, so this number is a diagnostic and is never "
    "used for ranking. Most of it is small-sample bias; the interval deletes one patient at a time.",
)
"""How all of them are read."""


def _card(
    name: str,
    title: str,
    abbreviation: str,
    features: str,
    plane: str,
    cut: dict[str, str],
    trap: str,
    rows: int,
    *,
    reacts_to: tuple[str, ...],
) -> MetricCard:
    version = f"{name.removeprefix('fd_')}-{SEGMENTATION_VERSION}-{EFFICIENTNET.version}"
    return MetricCard(
        name=name,
        title=title,
        abbreviation=abbreviation,
        unit="",
        direction="lower",
        level="set",
        best=0.0,
        worst=None,
        decimals=2,
        version=f"{name}-{version}",
        parameters={
            **{key: EFFICIENTNET.parameters[key] for key in ("network", "weights", "features", "colour")},
            **cut,
            "resize": "to 224 x 224, bilinear, antialiased where it shrinks",
            "surfaces": f"{SEGMENTATION_VERSION}, of each volume itself; flat ones where no retina is found",
            "divisor": "N - 1",
        },
        summary="Diagnostic: how real the volume looks when cut in a plane that was never scanned.",
        description=(
            plane,
            *_READING,
        ),
        formula="|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½ over features of the resampled pictures",
        traps=(
            trap,
            "The pictures hang on the surfaces found in each volume: where the search fails, they show another depth, "
            "and the distance grows for that reason.",
            "It is no FID of a published kind, and cannot be compared with distances of axial, coronal and sagittal "
            "planes in other works.",
        ),
        source="Heusel et al., NeurIPS 2017, eq. 6; network: Tan and Le, EfficientNet, ICML 2019",
        function="fundus2oct.metrics.frechet_distance:frechet_distance",
        role="diagnostic",
        features=f"fundus2oct.metrics.plane_distances:{features}",
        features_version=version,
        rows=rows,
        jackknife="fundus2oct.metrics.frechet_distance:jackknife_frechet",
        jackknife_groups=JACKKNIFE_GROUPS,
        weights=EFFICIENTNET.weights.name,
        reacts_to=reacts_to,
        ignores=("patient-shuffle",),
        tolerance=0.05,
    )


EN_FACE_CARD = _card(
    "fd_en_face",
    "Fréchet EfficientNet distance, en face",
    "FD en face",
    "en_face_features",
    "Three slabs of the volume are looked at from the front, like a photograph of one layer: the inner retina below "
    "the ILM, the outer retina above Bruch's membrane, and the choroid below it. Each slab's mean brightness is "
    "interpolated between the six lines and shown to a picture network.",
    {
        "slabs": "; ".join(f"{top:g} to {end:g} µm below {surface.upper()}" for surface, top, end in SLABS_UM),
        "field": "circle of 1.5 mm around the scan centre, 64 x 64 pixels, 0 outside",
        "interpolation": "linear along each line, then between neighbouring lines",
    },
    "Between the lines nothing was measured: at 1.5 mm from the centre they are 0.8 mm apart. Vessels and small "
    "lesions between them do not exist for this number.",
    len(SLABS_UM),
    reacts_to=("mean-volume", "constant"),
)
CIRCULAR_CARD = _card(
    "fd_circular",
    "Fréchet EfficientNet distance, circular sections",
    "FD circular",
    "circular_features",
    "The volume is cut along two circles around the scan centre, as in a scan around a nerve head, flattened at "
    "Bruch's membrane and shown to a picture network. Neighbouring columns come from different B-scans, so layers that "
    "jump from line to line show at once.",
    {
        "radii": ", ".join(f"{radius:g} µm" for radius in RADII_UM),
        "columns": "12: the nearest A-scan of each half-line",
        "depth": "420 µm above to 120 µm below Bruch's membrane, linear in depth",
    },
    "A section has 12 columns, one for each half-line; the network sees them stretched to 224, as broad stripes.",
    len(RADII_UM),
    reacts_to=("bscan-shuffle", "mean-volume", "constant"),
)
