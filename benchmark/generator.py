"""What a generator is: the protocol that participants implement and the name under which it is found.

A generator turns one colour photograph into six B-scans. It runs in a worker process (`benchmark.worker`), never in
the harness; finding one by name is `benchmark.generator_reference`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Eye = Literal["L", "R"]

ENTRY_POINT_GROUP = "fundus2oct.generators"
"""Entry points of this group are found by name; each points to a `MakeGenerator`."""


class Generator(Protocol):
    """One fundus photograph in, one six-slice OCT volume out."""

    def generate(self, fundus: NDArray[np.uint8], *, eye: Eye, seed: int) -> NDArray[np.uint8]:
        """Draw the OCT volume of one eye.

        Args:
            fundus: (height, width, 3) uint8 RGB, 0..255, sides >= 224: the photograph as the dataset holds it.
            eye: "L" or "R".
            seed: 0 .. 2**63 - 1; the only source of randomness to use. Equal arguments should give equal volumes.

        Returns:
            (6, 320, 448) uint8, 0..255, B-scan x depth x width, the vitreous at the top; B-scans at 90, 60, 30, 0,
            -30 and -60 degrees through the scan centre, columns 20.23 µm and rows 6.00 µm apart.
        """
        ...


class MakeGenerator(Protocol):
    """What a submission names as ``module:callable`` and an entry point points to."""

    def __call__(self, *, device: str, folder: Path) -> Generator:
        """Load weights and return the generator.

        Args:
            device: "cpu", "cuda", "cuda:1", ...
            folder: the submission's folder, where its weights lie.
        """
        ...
