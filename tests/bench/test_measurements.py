"""What the measuring scripts rest on: exact values, counted operations, and code that runs on any device."""

from __future__ import annotations

import time

import exact_frechet
import measure_device
import numpy as np
import pytest
from stopwatch import Seconds, least

from fundus2oct.metrics.frechet_distance import frechet_distance


def test_the_exact_distance_of_whole_numbers_agrees_with_a_hand_calculation() -> None:
    """Means 1 and 5, standard deviations sqrt 2 and sqrt 8, in one of two columns: 16 + (sqrt 8 - sqrt 2)^2 = 18."""
    a, b = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[3.0, 0.0], [7.0, 0.0]])
    assert float(exact_frechet.exact_distance(a, b)) == pytest.approx(18, rel=1e-15)


def test_ours_is_the_exact_distance_to_the_last_digits() -> None:
    a, b = exact_frechet.whole_features(20, 60, 1), exact_frechet.whole_features(17, 60, 2)
    assert frechet_distance(a, b) == pytest.approx(float(exact_frechet.exact_distance(a, b)), rel=1e-14)


def test_the_stopwatch_tells_waiting_from_work() -> None:
    spent = Seconds()
    with spent.running():
        time.sleep(0.05)
    assert spent.wall >= 0.05
    assert spent.processor < spent.wall / 2


def test_the_least_time_is_that_of_each_function() -> None:
    slow, fast = least(lambda: time.sleep(0.02), lambda: None, runs=2)
    assert slow.wall >= 0.02 > fast.wall


@pytest.mark.i3d
@pytest.mark.usefixtures("i3d_weights")
def test_a_device_is_measured_and_the_processor_agrees_with_itself() -> None:
    volumes = list(np.random.default_rng(0).integers(0, 256, (1, 6, 320, 448), dtype=np.uint8))
    rate, waiting = measure_device.clips_per_second(volumes, "cpu")
    assert rate > 0
    assert 0 < waiting < 0.9
    assert measure_device.largest_difference(volumes, "cpu") == 0
