"""The learning rate at a step: a linear warm-up, then half a cosine to nothing at the end of the budget.

The budget is a number of steps, or of seconds, or both. Everything follows from the step and the seconds used so far,
over all sittings, so that a resumed training goes on where it was (cosine: Loshchilov and Hutter, ICLR 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How long one stage of a training may take; 0 stands for no limit, and one of the two is above 0."""

    steps: int
    seconds: float

    def used(self, step: int, seconds: float) -> float:
        """Part of the budget that is used, 0..1: of the steps or of the seconds, whichever is further.

        >>> Budget(100, 60.0).used(10, 30.0)
        0.5
        """
        parts = [done / most for done, most in ((step, self.steps), (seconds, self.seconds)) if most > 0]
        return min(1.0, max(parts))

    def share(self, part: float) -> Budget:
        """A part of the budget, for one stage of several; at least one step."""
        return Budget(max(1, round(self.steps * part)) if self.steps else 0, self.seconds * part)


def learning_rate(peak: float, *, warmup: int, step: int, used: float) -> float:
    """The rate of optimiser step ``step`` (the first is 0) when a part ``used`` of the budget is gone.

    >>> [round(learning_rate(1.0, warmup=2, step=step, used=step / 10), 3) for step in (0, 1, 5, 10)]
    [0.5, 0.976, 0.5, 0.0]
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return peak * rise * 0.5 * (1 + math.cos(math.pi * used))
