"""What a metric says of itself: everything a board, a scorer or a reader needs to know before seeing a number.

Direction, unit, worst value and version are read from the card everywhere; no code asks `if name == "fvd"`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["lower", "higher"]
Level = Literal["case", "set"]
Role = Literal["headline", "supporting", "diagnostic"]


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
        best: the value of a perfect copy of the truth; the best that is possible where `copy_is_best` is False.
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
        function: ``module:attribute`` that computes it, imported late. Case level: (truth, generated), volumes or one
            row of features each -> values that are averaged, such as one per B-scan. Set level: (truth, generated)
            features of all cases -> one value.
        role: ``headline`` metrics have a column on the board's first page, ``supporting`` ones stand on the entries'
            pages, ``diagnostic`` ones too, and are never used for ranking.
        features: ``module:attribute``, (n, 6, 320, 448) uint8 volumes -> (n, d) features, or (n * rows, d) where one
            volume gives several rows; equal for metrics that share them. None: a case metric takes volumes.
        features_version: name of the features' protocol, equal for metrics that share them.
        rows: rows of features that one volume gives.
        jackknife: set level: ``module:attribute``, (truth, generated, patients) with one patient's label a row ->
            value and delete-one-patient values, ordered as ``np.unique(patients)``.
        jackknife_groups: set level: with more patients than this, so many groups of patients are deleted in turn, for
            each deletion costs a singular value decomposition of all rows. None: always one patient at a time.
        weights: name of the weights it needs in the registry, or None.
        reacts_to: degradations of the truth (`benchmark.degradations`) that must make the value worse, the strongest
            dose no less than the mildest; declared beforehand, tried by `bench audit`.
        ignores: degradations that must leave the value where it is, within ``tolerance``.
        tolerance: the largest change, in the metric's own unit, that an audit calls no change.
        copy_is_best: whether a copy of the truth has the value ``best`` and nothing beats it. False for a number that
            asks no truth, or that is not at its best for the truth itself.
        is_signed: whether chance can carry it beyond ``best``, as an unbiased estimate of a distance near 0 must be
            able to: then a copy of the truth has the value ``best``, and other volumes can fall below it.
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
    role: Role = "supporting"
    features: str | None = None
    features_version: str = ""
    rows: int = 1
    jackknife: str | None = None
    jackknife_groups: int | None = None
    weights: str | None = None
    reacts_to: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    tolerance: float = 0.0
    copy_is_best: bool = True
    is_signed: bool = False

    def __post_init__(self) -> None:
        """A case metric must say what a failure costs; a set metric must say what its features are."""
        if both := set(self.reacts_to) & set(self.ignores):
            raise ValueError(f"card {self.name}: reacts to and ignores {', '.join(sorted(both))}")
        if (self.level == "case") != (self.worst is not None):
            raise ValueError(f"card {self.name}: level {self.level!r} with worst value {self.worst!r}")
        if self.level == "set" and (self.features is None or self.jackknife is None):
            raise ValueError(f"card {self.name}: a set metric names its features and its jackknife")
        if (self.features is None) != (self.features_version == ""):
            raise ValueError(f"card {self.name}: features {self.features!r}, version {self.features_version!r}")

    def is_better(self, a: float, b: float) -> bool:
        """Whether value ``a`` is better than value ``b``."""
        return a < b if self.direction == "lower" else a > b
