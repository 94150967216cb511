"""Stopping a training at a step, as a signal would: for the tests of resuming."""

from __future__ import annotations

from typing import Any

import pytest

from fundus2oct.baselines.training import training_folder


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Have the next training asked to stop when it has done so many steps in this sitting."""
    training = training_folder.Training

    def counting(*arguments: Any, **named: Any) -> Any:
        asked = iter([False] * (steps - 1) + [True])
        return training(*arguments, **{**named, "asked_to_stop": lambda: next(asked)})

    monkeypatch.setattr(training_folder, "Training", counting)
