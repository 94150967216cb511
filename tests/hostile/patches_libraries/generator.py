"""Changes numpy, json and the worker in its own process, so that a volume of NaN looks good."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from attack import generator_that


def attack() -> Any:
    np.isfinite = lambda values: np.array([True])
    json.loads = json.dumps = lambda *arguments, **options: {}
    worker = sys.modules["__main__"]
    worker.volume_problem = lambda value: None
    worker.VOLUME_SHAPE = (1, 1, 1)
    return np.full((6, 320, 448), np.nan)


make_generator = generator_that(attack)
