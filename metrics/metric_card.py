"""What a metric says of itself: everything a board, a scorer or a reader needs to know before seeing a number.

Direction, unit, worst value and version are read from the card everywhere; no code asks `if name == "fvd"`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["lower", "higher"]
Level = Literal["case", "set"]


@dataclass(frozen=True, kw_only=True)
class MetricCard:
    """One metric's declaration.

    Attributes:
        name: short key in result files, such as ``fvd``.
        title: name in words.
        abbreviation: heading of its column on the board.
        unit: unit of the value; empty for a plain number.
        direction: ``lower`` or ``higher`` is better.
        level: ``case`` (one value per case, averaged) or ``set`` (one value for all cases together).
        best: the value of a perfect copy of the truth.
        worst: case level: the value a missing or failed case gets. None at set level, where a failed case enters as
            an all-black volume.
        decimals: digits after the decimal point on the board.
        version: the whole protocol in one string; it rises whenever a number may change.
        parameters: every setting that the number depends on, name -> value as text.
        summary: one sentence for the board.
        description: what it is and how to read it, in paragraphs.
        formula: the formula in plain text with Unicode symbols.
        traps: how this number misleads, and how it is often computed wrongly.
        source: paper and equation, as citable text.
        function: ``module:attribute`` that computes it, imported late. Case level: (truth, generated) volumes -> one
            value per B-scan. Set level: (truth, generated) features -> one value.
        features: set level: ``module:attribute``, (n, 6, 320, 448) volumes -> (n, d) features; equal for metrics that
            share them.
        jackknife: set level: ``module:attribute``, features and (n,) patients -> value and delete-one-patient values.
        weights: name of the weights it needs in the registry, or None.
    """

    name: str
    title: str
    abbreviation: str
    unit: str
    direction: Direction
    level: Level
    best: float
    worst: float | None
    decimals: int
    version: str
    parameters: dict[str, str] = field(default_factory=dict)
    summary: str
    description: tuple[str, ...]
    formula: str
    traps: tuple[str, ...]
    source: str
    function: str
    features: str | None = None
    jackknife: str | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        """A case metric must say what a failure costs; a set metric must say what its features are."""
        if (self.level == "case") != (self.worst is not None):
            raise ValueError(f"card {self.name}: level {self.level!r} with worst value {self.worst!r}")
        if (self.level == "set") != (self.features is not None and self.jackknife is not None):
            raise ValueError(f"card {self.name}: level {self.level!r} with features {self.features!r}")

    def is_better(self, a: float, b: float) -> bool:
        """Whether value ``a`` is better than value ``b``."""
        return a < b if self.direction == "lower" else a > b
