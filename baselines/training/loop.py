"""The whole training: stage after stage, with checkpoints, pictures, a budget, and an orderly end when asked to stop.

What happens in a step is `baselines.training.stage_run`; which folder it goes to and whether it may,
`baselines.training.training_folder`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from fundus2oct.baselines.training.display import Moment, display
from fundus2oct.baselines.training.eye_tensors import EyeTensors
from fundus2oct.baselines.training.learning_rate import Budget
from fundus2oct.baselines.training.loss_history import LossHistory
from fundus2oct.baselines.training.processes import Processes
from fundus2oct.baselines.training.stage_run import StageKey, StageRun
from fundus2oct.baselines.training.step_random import seed_everything
from fundus2oct.baselines.training.task import LOSS, Stage, Task
from fundus2oct.baselines.training.train_settings import TrainSettings
from fundus2oct.metrics.errors import BenchError, ExitCode

READ_EVERY = {"cpu": 1, "cuda": 20}
"""Steps after which the losses are read from the device: reading waits for it."""


class Keeper(Protocol):
    """Where a training leaves what it has learned."""

    def save(self, state: Mapping[str, Any], progress: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Keep a checkpoint."""
        ...

    def show(self, stage: Stage, run: StageRun, eyes: EyeTensors, history: LossHistory) -> None:
        """Draw the loss curve and the sample sheet."""
        ...

    def log(self, row: Mapping[str, Any]) -> None:
        """Take the losses of one step."""
        ...


@dataclass
class Training:
    """A method's training on some eyes.

    Attributes:
        stages: what is trained, in order; the shares of their budgets add up to 1.
        eyes: on the processor.
        settings: optimiser and budget.
        seed: of everything that is drawn.
        processes: who computes.
        keeper: where it goes.
        asked_to_stop: tells whether to save and end.
    """

    stages: Sequence[Stage]
    eyes: EyeTensors
    settings: TrainSettings
    seed: int
    processes: Processes
    keeper: Keeper
    asked_to_stop: Callable[[], bool] = lambda: False
    history: LossHistory = field(default_factory=LossHistory)
    _learned: dict[str, Tensor] = field(default_factory=dict)
    _unread: list[tuple[int, float, float, dict[str, Tensor]]] = field(default_factory=list)

    def run(self, state: Mapping[str, Any] | None = None) -> dict[str, Tensor]:
        """Train from ``state``, or from the beginning, to the end of the budget.

        Returns:
            the averaged weights of the last stage.

        Raises:
            BenchError: E_MEMORY, E_DIVERGED, E_DISK; what was saved is kept.
            KeyboardInterrupt: when asked to stop, after saving.
        """
        first = int(state["stage"]) if state else 0
        if state:
            self.history = LossHistory.from_state(state["history"])
            self._learned = dict(state["learned"])
        for number in range(first, len(self.stages)):
            resumed = state if state and number == first else None
            try:
                self._learned = self._run_stage(number, resumed)
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise self._out_of_memory(error) from None
        return self._learned

    def _run_stage(self, number: int, state: Mapping[str, Any] | None) -> dict[str, Tensor]:
        stage = self.stages[number]
        eyes = (self.eyes.with_unpaired() if stage.takes_unpaired else self.eyes).on(self.processes.device)
        seed_everything(self.seed, number)
        task = _made(stage, eyes, self._learned)
        run = StageRun(StageKey(self.seed, number), task, eyes, self.settings, self.processes)
        seconds = 0.0
        if state:
            run.load(state["run"])
            seconds = float(state["seconds"])
        self._steps(number, run, eyes, seconds)
        return {name: tensor.detach().cpu().clone() for name, tensor in run.weights().items()}

    def _steps(self, number: int, run: StageRun, eyes: EyeTensors, seconds: float) -> None:
        """Train one stage to the end of its budget; ``seconds`` were used before this sitting."""
        stage, budget = self.stages[number], self._budget(number)
        started = time.monotonic() - seconds
        saved = shown = time.monotonic()
        with display(stage.name, hidden=not self.processes.is_first) as show:
            while (used := budget.used(run.step, seconds)) < 1:
                lr = run.lr(used)
                losses = run.advance(used)
                (seconds,) = self.processes.agree(time.monotonic() - started)
                self._unread.append((run.step, seconds, lr, losses))
                if run.step % READ_EVERY[self.processes.device.type] == 0:
                    self._read(stage.name)
                    show(Moment(run.step, budget.used(run.step, seconds), seconds, self._last_loss()))
                if self.processes.anyone(self.asked_to_stop()):
                    self._save(number, run, seconds)
                    raise KeyboardInterrupt
                now = time.monotonic()
                if now - saved >= self.settings.save_seconds:
                    self._save(number, run, seconds)
                    saved = now
                if self.processes.is_first and now - shown >= self.settings.sheet_seconds:
                    self._read(stage.name)
                    self.keeper.show(stage, run, eyes, self.history)
                    shown = time.monotonic()
        self._save(number, run, seconds)
        if self.processes.is_first:
            self.keeper.show(stage, run, eyes, self.history)

    def _budget(self, number: int) -> Budget:
        return Budget(self.settings.steps, self.settings.seconds).share(self.stages[number].share)

    def _read(self, stage: str) -> None:
        """Read the losses that are still on the device; E_DIVERGED where one is not finite."""
        for step, seconds, lr, losses in self._unread:
            values = {name: float(loss) for name, loss in losses.items()}
            if not all(map(math.isfinite, values.values())):
                raise self._diverged(stage, step, values)
            self.history.add(stage, step, seconds, lr, values)
            self.keeper.log({"stage": stage, "step": step, "lr": lr, **values})
        self._unread.clear()

    def _last_loss(self) -> float:
        row = self.history.rows[-1] if self.history.rows else {}
        return float(next((value for name, value in row.items() if name.endswith(LOSS)), math.nan))

    def _save(self, number: int, run: StageRun, seconds: float) -> None:
        """Keep everything; only the first process writes."""
        self._read(self.stages[number].name)
        if not self.processes.is_first:
            return
        used = self._budget(number).used(run.step, seconds)
        progress = {
            "stage": self.stages[number].name,
            "stages": [stage.name for stage in self.stages],
            "step": run.step,
            "seconds": round(seconds, 1),
            "budget_used": round(used, 4),
            "finished": used >= 1 and number == len(self.stages) - 1,
        }
        state = {
            "stage": number,
            "seconds": seconds,
            "run": run.state(),
            "learned": self._learned,
            "history": self.history.state(),
        }
        self.keeper.save(state, progress, run.weights())

    def _out_of_memory(self, error: Exception) -> BenchError:
        settings = self.settings
        share = settings.batch // self.processes.count
        more = next((parts for parts in range(settings.parts + 1, share + 1) if share % parts == 0), None)
        goes_on = "it goes on from the last checkpoint"
        fix = (
            f"run the same command with --set train.parts={more}: {goes_on}"
            if more
            else "lower data.height, data.width or the channels of the networks, and train anew"
        )
        return BenchError(
            "E_MEMORY",
            "the device has too little memory for a step",
            where=str(self.processes.device),
            found=str(error).splitlines()[0] if str(error) else None,
            fix=fix,
            exit_code=ExitCode.LIMIT_EXCEEDED,
        )

    def _diverged(self, stage: str, step: int, values: Mapping[str, float]) -> BenchError:
        bad = ", ".join(name for name, value in values.items() if not math.isfinite(value))
        fix = "lower train.lr (or train.clip) and train into a new folder"
        where = f"stage {stage}, step {step}"
        return BenchError("E_DIVERGED", "the training diverged", where=where, found=f"{bad} not finite", fix=fix)


def _made(stage: Stage, eyes: EyeTensors, learned: Mapping[str, Tensor]) -> Task:
    """The task of a stage; E_CONFIG where its networks cannot be built as the settings say."""
    try:
        return stage.make_task(eyes, learned)
    except ValueError as error:
        raise BenchError(
            "E_CONFIG",
            "the networks cannot be built",
            where=f"stage {stage.name}",
            found=str(error),
            exit_code=ExitCode.USAGE,
        ) from None
