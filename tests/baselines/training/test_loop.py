"""Training goes on exactly where it was, keeps what it has, and ends when its budget does."""

from __future__ import annotations

import csv
import json
import signal
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_learned
from safetensors.numpy import load_file
from toy_learned import TrainToy

from fundus2oct.baselines.training import checkpoint, loop, stage_run
from fundus2oct.baselines.training.checkpoint import STATE_FILE
from fundus2oct.baselines.training.eye_tensors import EyeTensors
from fundus2oct.baselines.training.interruption import postponed_interruption
from fundus2oct.baselines.training.learning_rate import Budget, learning_rate
from fundus2oct.baselines.training.loss_history import MOST_ROWS, LossHistory
from fundus2oct.baselines.training.processes import Processes
from fundus2oct.baselines.training.step_random import StepRandom, batch_indices
from fundus2oct.baselines.training.training_folder import FolderKeeper
from fundus2oct.metrics.errors import BenchError, ExitCode

MODEL, CONFIG, PROGRESS, TITLE = "model.safetensors", "config.json", "progress.json", "submission.toml"


def progress_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / PROGRESS).read_text())
    return found


def title_of(folder: Path) -> str:
    return str(tomllib.loads((folder / TITLE).read_text())["title"])


def losses_of(folder: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((folder / "loss.csv").read_text().splitlines()))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("stop_at", [3, 10, 13])
def test_interrupted_and_resumed_training_is_the_same_bit_for_bit(
    train_toy: TrainToy, tmp_path: Path, stop_at: int
) -> None:
    assert train_toy(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path / "parts", stop_at=stop_at)
    assert not progress_of(tmp_path / "parts")["finished"]
    assert train_toy(tmp_path / "parts")
    assert (tmp_path / "parts" / MODEL).read_bytes() == (tmp_path / "whole" / MODEL).read_bytes()
    assert losses_of(tmp_path / "parts") == losses_of(tmp_path / "whole")


def test_training_learns_the_grey_level(train_toy: TrainToy, tmp_path: Path) -> None:
    train_toy(tmp_path, steps=60, lr=0.02, ema=0.5)
    l1 = [float(row["l1"]) for row in losses_of(tmp_path)]
    assert np.mean(l1[-5:]) < 0.7 * np.mean(l1[:5])


def test_finished_folder_holds_no_state_and_is_found_done(train_toy: TrainToy, tmp_path: Path) -> None:
    assert train_toy(tmp_path)
    assert not (tmp_path / STATE_FILE).exists()
    assert not list(tmp_path.glob(".tmp-*"))
    assert progress_of(tmp_path)["finished"]
    assert title_of(tmp_path) == "Toy"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert not train_toy(tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_unfinished_folder_says_so(train_toy: TrainToy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=13)
    assert "saved at step 3 of stage second, 30% of its budget" in capsys.readouterr().err
    assert title_of(tmp_path) == "Toy (unfinished)"
    toy_learned.make_generator(device="cpu", folder=tmp_path)
    assert "not trained to its end: step 3" in capsys.readouterr().err


def test_folder_before_its_last_stage_does_not_generate(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    with pytest.raises(BenchError, match=r"E_WEIGHTS: not trained far enough.*stage first, step 3.*run the same"):
        toy_learned.make_generator(device="cpu", folder=tmp_path)


def test_other_settings_are_refused_and_nothing_is_lost(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    state = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(BenchError, match=r"E_EXISTS.*other settings"):
        train_toy(tmp_path, lr=1e-3)
    assert (tmp_path / STATE_FILE).read_bytes() == state


def test_parts_may_change_between_two_sittings(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    assert train_toy(tmp_path, parts=2)
    assert json.loads((tmp_path / CONFIG).read_text())["settings"]["train"]["parts"] == 2


def test_full_disk_keeps_the_checkpoint_before(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    state = (tmp_path / STATE_FILE).read_bytes()

    def full(*_: object) -> None:
        raise BenchError("E_DISK", "cannot write: No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint, "write_bytes", full)
        with pytest.raises(BenchError, match="E_DISK"):
            train_toy(tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == state
    assert train_toy(tmp_path)


def test_too_little_memory_names_the_setting_and_training_goes_on(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)

    def greedy(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage_run.StageRun, "advance", greedy)
        with pytest.raises(BenchError, match=r"E_MEMORY.*train.parts=2") as caught:
            train_toy(tmp_path)
    assert caught.value.exit_code == ExitCode.LIMIT_EXCEEDED
    assert train_toy(tmp_path, parts=2)


def test_loss_that_is_not_finite_ends_the_training_and_is_not_saved(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_DIVERGED: the training diverged.*stage first, step"):
        train_toy(tmp_path, lr=1e30, clip=0.0, warmup=0)
    assert not (tmp_path / STATE_FILE).exists()


def test_damaged_state_is_refused_by_name(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    (tmp_path / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes()[:300])
    with pytest.raises(BenchError, match="E_STATE: the training state cannot be read"):
        train_toy(tmp_path)


def test_state_is_read_without_running_what_is_in_it(train_toy: TrainToy, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path, stop_at=3)
    assert torch.load(tmp_path / STATE_FILE, weights_only=True)["run"]["step"] == 3


def test_time_budget_counts_the_seconds_of_all_sittings(train_toy: TrainToy, tmp_path: Path) -> None:
    clock = iter(range(10_000))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop.time, "monotonic", lambda: float(next(clock)))
        with pytest.raises(KeyboardInterrupt):
            train_toy(tmp_path, stop_at=3, steps=0, seconds=60.0, save_seconds=1e9, sheet_seconds=1e9)
        used = progress_of(tmp_path)["seconds"]
        assert used > 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop.time, "monotonic", lambda: float(next(clock)))
        train_toy(tmp_path, steps=0, seconds=60.0, save_seconds=1e9, sheet_seconds=1e9)
    rows = (tmp_path / "loss.csv").read_text().splitlines()
    assert progress_of(tmp_path)["finished"]
    assert float(progress_of(tmp_path)["seconds"]) >= 30
    assert len(rows) > 10


def test_averaged_weights_are_the_recursion_of_the_raw_ones() -> None:
    networks = toy_learned.ToyNetworks(2)
    settings = toy_learned.TrainSettings(steps=5, batch=2, ema=0.5, warmup=0)
    empty = torch.zeros(1, 3, dtype=torch.uint8)
    eyes = EyeTensors(
        empty.view(1, 3, 1, 1, 1).expand(1, 3, 3, 4, 4),
        empty.view(1, 3, 1, 1, 1, 1).expand(1, 3, 6, 3, 2, 4),
        torch.zeros(1, 3, 6, 8, 12, dtype=torch.uint8),
        torch.zeros(1, 0, 6, 8, 12, dtype=torch.uint8),
        0.0,
    )
    task = toy_learned.ToyTask(networks)
    run = stage_run.StageRun(stage_run.StageKey(0, 0), task, eyes, settings, Processes(0, 1, torch.device("cpu")))
    raw = []
    for _ in range(3):
        run.advance(0.0)
        raw.append(networks.photograph.weight.detach().clone())
    expected = 0.5 * (0.5 * raw[0] + 0.5 * raw[1]) + 0.5 * raw[2]
    torch.testing.assert_close(run.weights()["photograph.weight"], expected)
    assert run.weights()["steps_seen"] == 3  # buffers are copied, not averaged


def test_pictures_of_the_progress_are_written(train_toy: TrainToy, tmp_path: Path) -> None:
    from PIL import Image

    train_toy(tmp_path)
    for name in ("loss.png", "samples.png"):
        picture = np.asarray(Image.open(tmp_path / name))
        assert picture.shape[0] > 100
        assert picture.std() > 5


def test_two_trainings_in_one_folder_are_refused(train_toy: TrainToy, tmp_path: Path) -> None:
    from fundus2oct.benchmark.folder_lock import only_process

    with only_process(tmp_path), pytest.raises(BenchError, match="E_LOCKED"):
        train_toy(tmp_path)


def test_keeper_writes_the_state_before_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    for name in ("write_state", "write_model", "write_progress"):
        target = "fundus2oct.baselines.training.folder_keeper." + name
        monkeypatch.setattr(target, lambda *_, name=name: order.append(name))
    FolderKeeper(tmp_path, lambda progress: order.append("tell")).save({}, {"finished": False}, {})
    assert order == ["write_state", "write_model", "write_progress", "tell"]


def test_every_epoch_shows_every_eye_once() -> None:
    row = np.concatenate([batch_indices(7, seed=1, stage=0, start=3 * step, count=3) for step in range(7)])
    for epoch in range(3):
        assert sorted(row[7 * epoch : 7 * (epoch + 1)].tolist()) == list(range(7))
    assert not np.array_equal(row[:7], row[7:14])


def test_randomness_follows_from_the_keys_alone() -> None:
    device = torch.device("cpu")
    first, again = (StepRandom((1, 2, 3), device).normal((4,)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, StepRandom((1, 2, 4), device).normal((4,)))
    assert not torch.equal(first, StepRandom((1, 3, 2), device).normal((4,)))


def test_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [learning_rate(1.0, warmup=10, step=step, used=step / 100) for step in range(101)]
    assert int(np.argmax(rates)) == 9
    assert rates[0] == pytest.approx(0.1)
    assert rates[100] == 0
    assert Budget(100, 0.0).share(0.25) == Budget(25, 0.0)


def test_history_of_many_steps_stays_small_and_keeps_its_mean() -> None:
    history = LossHistory()
    for step in range(1, 5001):
        history.add("one", step, float(step), 1e-3, {"loss": float(step)})
    assert len(history.rows) < MOST_ROWS
    assert history.rows[-1]["step"] > 4900
    shown = [row["loss"] for row in history.rows]
    assert np.mean(shown) == pytest.approx(2500, rel=0.01)
    assert LossHistory.from_state(history.state()).csv() == history.csv()


def test_first_request_to_stop_waits_and_the_second_does_not() -> None:
    with postponed_interruption() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGTERM)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_weights_with_a_renamed_tensor_are_refused(train_toy: TrainToy, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    train_toy(tmp_path)
    weights = load_file(tmp_path / MODEL)
    weights["photograph.wait"] = weights.pop("photograph.weight")
    save_file(weights, tmp_path / MODEL)
    with pytest.raises(BenchError, match="E_WEIGHTS: weights of another network: 1 tensors missing, 1 unexpected"):
        toy_learned.make_generator(device="cpu", folder=tmp_path)


def test_weights_of_another_size_are_refused(train_toy: TrainToy, tmp_path: Path) -> None:
    train_toy(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    config["settings"]["channels"] = 5
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(BenchError, match=r"E_WEIGHTS: weights of another size: mixed\.0"):
        toy_learned.make_generator(device="cpu", folder=tmp_path)
