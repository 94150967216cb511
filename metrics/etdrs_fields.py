"""Thickness of the nine ETDRS fields of a volume as one vector, and the error between the vectors of any two volumes.

What the shuffled-fundus gap compares: cheap enough for the full matrix of truth x generated. Single zones with their
cards are in `thickness_error`. Called by `benchmark.controls`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION
from fundus2oct.metrics.retinal_thickness import Subfields
from fundus2oct.metrics.thickness_error import WORST_UM, generated_subfields, truth_subfields

VERSION: Final = f"etdrs-fields-{SEGMENTATION_VERSION}-v1"
N_FIELDS: Final = 9

AREA_SHARES: Final = np.array([1.0, *[2.0] * 4, *[6.75] * 4]) / 36.0
"""Share of the 3 mm circle that each field covers: centre 0.5², a quarter of 1.5² - 0.5², a quarter of 3² - 1.5²."""

Floats = NDArray[np.float64]


def etdrs_fields(volumes: Iterable[NDArray[np.uint8]]) -> Floats:
    """Thickness of the centre, four inner and four outer fields, judged as a truth and as a generated volume.

    Args:
        volumes: any iterable of (6, 320, 448) uint8.

    Returns:
        (n, 18) micrometres: nine as a truth (NaN where it cannot be measured), then nine as generated (0 where there
        is no retina).
    """
    rows = [[*_vector(truth_subfields(volume)), *_vector(generated_subfields(volume))] for volume in volumes]
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * N_FIELDS)


def central_errors(truth: Floats, generated: Floats) -> Floats:
    """Absolute error of the central subfield's thickness of every truth against every generated volume.

    Args:
        truth: (n, 18) from `etdrs_fields`.
        generated: (m, 18).

    Returns:
        (n, m) micrometres, at most 400; NaN in the rows of truths whose centre could not be measured.
    """
    errors: Floats = np.minimum(np.abs(truth[:, None, 0] - generated[None, :, N_FIELDS]), WORST_UM)
    return errors


def field_errors(truth: Floats, generated: Floats) -> Floats:
    """Area-weighted mean absolute error of the nine fields, of every truth against every generated volume.

    Args:
        truth: (n, 18) from `etdrs_fields`.
        generated: (m, 18).

    Returns:
        (n, m) micrometres, each field's error at most 400; NaN in the rows of truths of which a field is missing.
    """
    differences = np.abs(truth[:, None, :N_FIELDS] - generated[None, :, N_FIELDS:])
    errors: Floats = np.minimum(differences, WORST_UM) @ AREA_SHARES
    return errors


def _vector(fields: Subfields) -> tuple[float, ...]:
    return (fields.central_um, *fields.inner_quadrants_um, *fields.outer_quadrants_um)
