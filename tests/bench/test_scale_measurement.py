"""The measurement of scale measures: a small merge finds the law that its features were drawn from."""

from __future__ import annotations

import re

import measure_scale
import pytest


def test_a_small_merge_comes_close_to_the_law(capsys: pytest.CaptureFixture[str]) -> None:
    measure_scale.measure_merge(4000, 12)
    out = capsys.readouterr().out
    distance = re.search(r"distance to the law drawn from ([0-9.e+-]+)", out)
    assert out.startswith("merge, 4000 volumes of 12 features in 4 shards")
    assert distance is not None
    assert 0 < float(distance[1]) < 0.02


def test_a_command_that_fails_ends_the_measurement() -> None:
    with pytest.raises(SystemExit, match="ended with"):
        measure_scale.seconds_of([["no-such-command"]])
