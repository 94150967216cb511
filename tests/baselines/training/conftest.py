"""A toy dataset and a way to train the toy method on it, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import toy_learned
from toy_dataset import write_toy_dataset
from toy_learned import TrainToy
from toy_training import stop_after

from fundus2oct.baselines.training.train_settings import TrainSettings
from fundus2oct.baselines.training.training_folder import TrainingRequest, train_into
from fundus2oct.benchmark.dataset import Dataset


@pytest.fixture(scope="session")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """4 training eyes and 2 test eyes."""
    return write_toy_dataset(tmp_path_factory.mktemp("toy-eyes"), n_train=4, n_test=2)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny networks are slower on several threads, and other tests run beside."""
    torch.set_num_threads(1)


@pytest.fixture
def train_toy(eyes: Dataset, monkeypatch: pytest.MonkeyPatch) -> TrainToy:
    """Trains the toy into a folder; `stop_at` asks it to stop after so many steps in all."""

    def train(out: Path, *, stop_at: int = 0, unpaired: tuple[Path, ...] = (), **settings: Any) -> bool:
        if stop_at:
            stop_after(monkeypatch, stop_at)
        request = TrainingRequest(
            method=toy_learned.CATALOGUE_ENTRY, dataset=eyes, profile="toy", device="cpu", unpaired=unpaired
        )
        toy = toy_learned.ToySettings(train=TrainSettings(**({"steps": 20, "batch": 4, "warmup": 2} | settings)))
        try:
            return train_into(out, toy_learned.METHOD, toy, request)
        finally:
            monkeypatch.undo()

    return train
