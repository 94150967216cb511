"""One line of the accuracy table: what was compared with which origin, and how far apart the two were.

The rows are measured in `pixel_rows`, `feature_rows` with `distance_rows`, `anatomy_rows` and `statistics_rows`;
`measure` writes the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison.

    Attributes:
        what: the number or building block.
        origin: what nobody here wrote: a program with its version, a paper's number, a closed form, exact arithmetic.
        on: the inputs of this comparison.
        difference: the largest one found.
        tolerance: of this comparison, and of the named test when that makes the same one.
        test: ``file::test`` that repeats the comparison, or a smaller one, with every run of the tests.
        relative: whether the difference is a share of the origin's value.
        cards: metrics whose numbers rest on it.
    """

    what: str
    origin: str
    on: str
    difference: float
    tolerance: float
    test: str
    relative: bool = False
    cards: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance; NaN is not."""
        return bool(self.difference <= self.tolerance)


Measurement = Callable[[], Row]


def largest(ours: ArrayLike, origin: ArrayLike) -> float:
    """The largest absolute difference."""
    return float(np.max(np.abs(np.asarray(ours, np.float64) - np.asarray(origin, np.float64))))


def largest_share(ours: ArrayLike, origin: ArrayLike) -> float:
    """The largest absolute difference over the largest absolute value of the origin."""
    return largest(ours, origin) / float(np.max(np.abs(np.asarray(origin, np.float64))))
