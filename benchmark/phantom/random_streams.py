"""Random numbers of the phantom: one independent stream per (seed, cohort, patient, eye, purpose).

A stream depends on these names alone, so an eye is the same whoever renders it, in whatever order, on how many
workers. Nothing here knows anatomy. Called by `anatomy`, the renderers and `cohort_plan`.
"""

from __future__ import annotations

import zlib

import numpy as np

EYE_CODES = {"": 0, "R": 1, "L": 2}


def stream(seed: int, cohort: str, patient: int, eye: str, purpose: str) -> np.random.Generator:
    """The generator of one purpose for one eye; ``eye=""`` is what both eyes of a patient share.

    >>> a, b = (stream(0, "mini", 7, "R", "anatomy").integers(1 << 30) for _ in range(2))
    >>> bool(a == b)
    True
    """
    key = (zlib.crc32(cohort.encode()), patient, EYE_CODES[eye], zlib.crc32(purpose.encode()))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy=seed, spawn_key=key)))
