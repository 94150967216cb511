"""Seconds, by the clock on the wall and by the processor, for the scripts beside this file.

On a machine that does other work the processor's seconds are the steadier of the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Seconds:
    """Time that has been spent, on the wall and by all threads of this process together."""

    wall: float = 0.0
    processor: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of the block."""
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.processor += time.process_time() - processor

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.processor + other.processor)

    def __mul__(self, factor: float) -> Seconds:
        return Seconds(factor * self.wall, factor * self.processor)


def least(*functions: Callable[[], Any], runs: int = 3) -> list[Seconds]:
    """Least time of a few calls of every function, in turn, after one call each that does not count."""
    for function in functions:
        function()
    found = [Seconds(float("inf"), float("inf")) for _ in functions]
    for _ in range(runs):
        for best, function in zip(found, functions, strict=True):
            spent = Seconds()
            with spent.running():
                function()
            best.wall, best.processor = min(best.wall, spent.wall), min(best.processor, spent.processor)
    return found


def once(function: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Time and result of a single call, for what takes long."""
    spent = Seconds()
    with spent.running():
        result = function()
    return spent, result
