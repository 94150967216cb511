"""Losses for TensorBoard, where it is installed and asked for; nothing else of ours needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fundus2oct.metrics.errors import BenchError, ExitCode


@contextlib.contextmanager
def tensorboard_rows(folder: Path) -> Iterator[Any]:
    """Yields a function that takes one step's losses and writes them below ``folder``.

    Raises:
        BenchError: E_EXTRAS when TensorBoard is not installed; exit code 2.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise BenchError(
            "E_EXTRAS",
            "TensorBoard is not installed",
            where="--tensorboard",
            fix="pip install 'fundus2oct[tensorboard]', or leave the option out: loss.png shows the same",
            exit_code=ExitCode.USAGE,
        ) from None
    writer = SummaryWriter(str(folder))

    def write(row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name not in ("stage", "step"):
                writer.add_scalar(f"{row['stage']}/{name}", value, row["step"])

    try:
        yield write
    finally:
        writer.close()
