"""Set metrics during training: collect features batch by batch, in several processes, and compute once.

``update`` / ``compute`` / ``merge``, as users of torchmetrics know them. The numbers are those of the scorer, and
depend neither on the order of updates nor on who held which case. A guide is docs/metrics-in-training.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.metric_card import MetricCard

Rows = tuple[str, NDArray[np.float64], NDArray[np.float64]]
"""A case's patient, and its rows of true and of generated features."""


class SetMetric:
    """One set metric over cases that arrive a few at a time.

    Args:
        card: a card of level ``set``.
        features: (n, 6, 320, 448) volumes -> (n * card.rows, d) features; None: those that the card names.

    >>> from fundus2oct.metrics.frechet_video_distance import CARD
    >>> metric = SetMetric(CARD, features=lambda volumes: volumes.reshape(len(volumes), -1)[:, :3])
    >>> volumes = np.random.default_rng(0).integers(0, 255, (4, 6, 8, 8), dtype=np.uint8)
    >>> metric.update(volumes, volumes, case_ids=["a", "b", "c", "d"], patients=["1", "1", "2", "3"])
    >>> metric.compute()
    0.0
    """

    def __init__(self, card: MetricCard, *, features: Callable[[Any], NDArray[Any]] | None = None) -> None:
        if card.level != "set" or card.features is None or card.jackknife is None:
            raise ValueError(f"card: expected a set metric, found {card.name} of level {card.level}")
        self.card = card
        self._features = features or _load(card.features)
        self._rows: dict[str, Rows] = {}

    def __len__(self) -> int:
        """Number of cases held."""
        return len(self._rows)

    def update(
        self,
        truth: NDArray[np.uint8],
        generated: NDArray[np.uint8],
        *,
        case_ids: Sequence[str],
        patients: Sequence[str],
    ) -> None:
        """Add cases.

        Samplers for several processes repeat cases to make batches equal; a case seen twice counts once.

        Args:
            truth: (n, 6, 320, 448) uint8.
            generated: (n, 6, 320, 448) uint8.
            case_ids: n names.
            patients: n labels of the patients.

        Raises:
            ValueError: for lengths that differ, and for a case that comes again with other features.
        """
        counts = {len(truth), len(generated), len(case_ids), len(patients)}
        if len(counts) != 1:
            raise ValueError(f"update: expected as many truths, volumes, case ids and patients, found {sorted(counts)}")
        x, y = (self._by_case(volumes) for volumes in (truth, generated))
        for i, (case_id, patient) in enumerate(zip(case_ids, patients, strict=True)):
            self._add(str(case_id), (str(patient), x[i], y[i]))

    def merge(self, other: SetMetric) -> None:
        """Add the cases of another process's metric, such as one received by ``all_gather_object`` of `state`.

        Raises:
            ValueError: when it computes another version of the metric.
        """
        if other.card.version != self.card.version:
            raise ValueError(f"merge: expected version {self.card.version}, found {other.card.version}")
        for case_id, rows in other._rows.items():
            self._add(case_id, rows)

    def compute(self) -> float:
        """The metric on all cases held, as the scorer computes it.

        Raises:
            ValueError: when nothing was added, or too few patients for this metric.
        """
        x, y, patients = self._stacked()
        if len(np.unique(patients)) < 3:  # too few to delete one
            function = _load(self.card.function)
            asks = "patients" in inspect.signature(function).parameters
            return float(function(x, y, patients) if asks else function(x, y))
        return float(_load(self.card.jackknife or "")(x, y, patients)[0])

    def compute_with_jackknife(self) -> tuple[float, NDArray[np.float64]]:
        """The metric, and its value without each patient, ordered as ``np.unique`` of the patients."""
        value, delete_one = _load(self.card.jackknife or "")(*self._stacked())
        return float(value), np.asarray(delete_one, np.float64)

    def state(self) -> dict[str, Rows]:
        """Everything held, as plain arrays that can be pickled and sent; `load_state` takes it back."""
        return dict(self._rows)

    def load_state(self, state: dict[str, Rows]) -> None:
        """Add the cases of a `state`."""
        for case_id, rows in state.items():
            self._add(case_id, rows)

    def reset(self) -> None:
        """Forget all cases."""
        self._rows.clear()

    def _by_case(self, volumes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(n, rows, d) float64: sums of features in float32 would lose digits."""
        features = np.asarray(self._features(volumes), np.float64)
        return features.reshape(len(volumes), self.card.rows, -1)

    def _add(self, case_id: str, rows: Rows) -> None:
        known = self._rows.setdefault(case_id, rows)
        if known[0] != rows[0] or not all(np.array_equal(a, b) for a, b in zip(known[1:], rows[1:], strict=True)):
            raise ValueError(f"case_ids: {case_id} was added before with another patient or other features")

    def _stacked(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
        """Features and patients of all rows, sorted by case: no digit depends on the order of updates."""
        if not self._rows:
            raise ValueError("compute: expected at least one update before it")
        cases = [self._rows[case_id] for case_id in sorted(self._rows)]
        x, y = (np.concatenate([case[side] for case in cases]) for side in (1, 2))
        return x, y, np.repeat([case[0] for case in cases], self.card.rows)


def _load(path: str) -> Callable[..., Any]:
    module, name = path.split(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
