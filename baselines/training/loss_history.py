"""The losses of a training so far: a table of at most a thousand rows, whatever the number of steps.

A row is the mean over some steps. When the table is full, neighbours are averaged and every row stands for twice as
many steps. It is part of the training state, so that the curve goes on after an interruption.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_ROWS = 1000


class LossHistory:
    """Losses by stage, step and name.

    Attributes:
        rows: one dictionary a row: stage, step (the last it stands for), seconds, lr, and each loss.
        every: steps a row stands for.
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None, every: int = 1) -> None:
        self.rows = rows or []
        self.every = every
        self._pending: list[dict[str, Any]] = []

    def add(self, stage: str, step: int, seconds: float, lr: float, losses: Mapping[str, float]) -> None:
        """Note the losses of one step."""
        if self._pending and self._pending[0]["stage"] != stage:
            self._finish_row()
        self._pending.append({"stage": stage, "step": step, "seconds": seconds, "lr": lr, **losses})
        if len(self._pending) >= self.every:
            self._finish_row()
        if len(self.rows) >= MOST_ROWS:
            self._thin()

    def _finish_row(self) -> None:
        self.rows.append(_mean_row(self._pending))
        self._pending = []

    def _thin(self) -> None:
        """Average neighbours of the same stage."""
        thinned: list[dict[str, Any]] = []
        for stage in dict.fromkeys(row["stage"] for row in self.rows):
            rows = [row for row in self.rows if row["stage"] == stage]
            thinned += [_mean_row(rows[start : start + 2]) for start in range(0, len(rows), 2)]
        self.rows, self.every = thinned, self.every * 2

    def state(self) -> dict[str, Any]:
        """What `from_state` takes: lists, numbers and words."""
        return {"rows": [dict(row) for row in self.rows], "pending": list(self._pending), "every": self.every}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LossHistory:
        """The history that `state` described."""
        history = cls([dict(row) for row in state["rows"]], int(state["every"]))
        history._pending = [dict(row) for row in state["pending"]]
        return history

    def csv(self) -> str:
        """The table as CSV; a loss that a stage does not have is empty."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [",".join(str(row.get(name, "")) for name in names) for row in self.rows]
        return "\n".join([",".join(names), *lines]) + "\n"


def _mean_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of some rows; step and seconds are the last one's."""
    last = rows[-1]
    kept = {"stage": last["stage"], "step": last["step"], "seconds": round(last["seconds"], 3), "lr": last["lr"]}
    losses = {name: sum(row[name] for row in rows) / len(rows) for name in last if name not in kept}
    return kept | losses
