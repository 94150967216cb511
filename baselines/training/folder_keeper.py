"""The folder a training writes: a generator that says how far it is, its state, and pictures of its progress."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from fundus2oct.baselines.training.checkpoint import STATE_FILE, write_model, write_progress, write_state
from fundus2oct.baselines.training.eye_tensors import EyeTensors
from fundus2oct.baselines.training.loss_curve import draw_losses
from fundus2oct.baselines.training.loss_history import LossHistory
from fundus2oct.baselines.training.sample_sheet import EYES, draw_sheet
from fundus2oct.baselines.training.stage_run import StageRun
from fundus2oct.baselines.training.task import Stage
from fundus2oct.metrics.durable_file import write_bytes, write_text

CURVE_FILE, TABLE_FILE, SHEET_FILE = "loss.png", "loss.csv", "samples.png"
TENSORBOARD_FOLDER = "tensorboard"

LogRow = Callable[[Mapping[str, Any]], None]


@dataclass
class FolderKeeper:
    """A `Keeper` that writes into one folder.

    Attributes:
        folder: the generator's folder.
        tell: called with every progress before the state is written: it writes what the folder says of itself.
        log_row: takes the losses of one step.
    """

    folder: Path
    tell: Callable[[Mapping[str, Any]], None]
    log_row: LogRow = field(default=lambda row: None)

    def save(self, state: Mapping[str, Any], progress: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Keep a checkpoint: the state first, so that what is half written is what can be made again."""
        write_state(self.folder, state)
        write_model(self.folder, weights)
        write_progress(self.folder, progress)
        self.tell(progress)
        if progress["finished"]:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / STATE_FILE).unlink()

    def show(self, stage: Stage, run: StageRun, eyes: EyeTensors, history: LossHistory) -> None:
        """Draw the loss curve and the sample sheet."""
        write_text(self.folder / TABLE_FILE, history.csv())
        self._write_picture(CURVE_FILE, draw_losses(history))
        count = min(EYES, len(eyes))
        device = eyes.volume.device
        batch = eyes.batch(torch.arange(count, device=device), torch.zeros(count, dtype=torch.int64, device=device))
        with torch.no_grad():
            run.weights()
            drawn = run.task.sample(run.averaged.module, batch, list(range(count)))
        title = f"{stage.name}, step {run.step}: training eyes, real and {stage.shows}"
        self._write_picture(SHEET_FILE, draw_sheet(batch, drawn, title=title))

    def log(self, row: Mapping[str, Any]) -> None:
        """Take the losses of one step."""
        self.log_row(row)

    def _write_picture(self, name: str, picture: Image.Image) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        write_bytes(self.folder / name, buffer.getvalue())
