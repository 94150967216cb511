"""The metrics on trial: every metric on the truth under every degradation, scored as `bench score` scores an entry.

A value is kept under everything it depends on, so that a killed audit goes on where it was and a second one computes
nothing. What the values mean is judged in `audit_verdicts`, written by `audit_file`. Called by `audit_command`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from fundus2oct.benchmark import scoring
from fundus2oct.benchmark.aggregation import aggregate
from fundus2oct.benchmark.audit_protocols import PROTOCOL_CARDS
from fundus2oct.benchmark.audit_source import TRUTH, Condition, degraded_source
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.degradations import Degradation
from fundus2oct.benchmark.oracles import oracle_source
from fundus2oct.benchmark.progress import Advance, muted, progress
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

MIN_PATIENTS = 2
REAL = "real-vs-real"


@dataclass(frozen=True)
class Value:
    """One metric under one condition.

    Attributes:
        value: None where there is none.
        n_cases: cases it rests on; fewer than the truth's where a metric gave NaN.
        reason: why there is no value.
    """

    value: float | None
    n_cases: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was audited, and every value.

    Attributes:
        dataset: with the audited cases alone in its split.
        split: name of the split.
        seed: of every random number.
        cards: the metrics.
        protocols: other ways to film six B-scans; scored beside FVD, at each fault's strongest dose alone.
        degradations: the faults.
        truth: metric -> value of a copy of the truth.
        real: metric -> value of other real eyes; empty where the dataset has no training volumes to draw from.
        degraded: degradation -> metric -> one value a dose, from mild to strong.
    """

    dataset: Dataset
    split: str
    seed: int
    cards: tuple[MetricCard, ...]
    protocols: tuple[MetricCard, ...]
    degradations: tuple[Degradation, ...]
    truth: Mapping[str, Value]
    real: Mapping[str, Value]
    degraded: Mapping[str, Mapping[str, tuple[Value, ...]]]


def run_trial(
    dataset: Dataset,
    split: str,
    *,
    cards: Sequence[MetricCard],
    degradations: Sequence[Degradation],
    cache: ValueCache,
    seed: int = 0,
) -> Trial:
    """Score the truth, other real eyes, and the truth under every dose of every degradation.

    Args:
        dataset: with truth; `first_cases` makes it smaller.
        split: name of the split.
        cards: the metrics; where FVD is among them, its other protocols are scored at each fault's strongest dose.
        degradations: the faults.
        cache: of values and features.
        seed: of every random number.

    Raises:
        BenchError: E_FEW with fewer than two patients.
    """
    cases = dataset.split(split)
    if (patients := len({case.patient_id for case in cases})) < MIN_PATIENTS:
        raise BenchError("E_FEW", "too few patients", where=split, expected=f"{MIN_PATIENTS}", found=str(patients))
    protocols = PROTOCOL_CARDS if "fvd" in {card.name for card in cards} else ()
    everything = (*cards, *protocols)
    real = _real_source(dataset, split, seed)
    rounds = 1 + (real is not None) + sum(len(found.doses) for found in degradations)
    scorer = _Scorer(dataset, split, cache, seed)
    with progress("audit", rounds * len(cases), unit="volume") as advance, muted():
        scorer.advance = advance
        truth = scorer.values(everything, TRUTH)
        measured = [card for card in everything if truth[card.name].value is not None]
        of_real = {} if real is None else scorer.values_of(measured, real, [REAL])
        names = {card.name for card in protocols}
        degraded = {found.name: _doses(scorer, measured, names, found) for found in degradations}
    return Trial(
        dataset=dataset,
        split=split,
        seed=seed,
        cards=tuple(cards),
        protocols=tuple(protocols),
        degradations=tuple(degradations),
        truth=truth,
        real=of_real,
        degraded=degraded,
    )


def first_cases(dataset: Dataset, split: str, limit: int | None) -> Dataset:
    """The dataset with at most ``limit`` eyes in ``split``: whole patients, in the order of the split."""
    if limit is None:
        return dataset
    kept: set[str] = set()
    by_patient: dict[str, list[str]] = {}
    for case in dataset.split(split):
        by_patient.setdefault(case.patient_id, []).append(case.case_id)
    for case_ids in by_patient.values():
        if len(kept) + len(case_ids) > limit:
            break
        kept.update(case_ids)
    cases = tuple(case for case in dataset.cases if case.split != split or case.case_id in kept)
    if not kept:
        raise BenchError("E_FEW", "no whole patient fits", where="--cases", found=str(limit), fix="allow more cases")
    return dataclasses.replace(dataset, cases=cases)


def _doses(
    scorer: _Scorer, cards: Sequence[MetricCard], strongest_only: set[str], fault: Degradation
) -> dict[str, tuple[Value, ...]]:
    found: dict[str, list[Value]] = {card.name: [] for card in cards}
    for dose in fault.doses:
        wanted = [card for card in cards if dose == fault.doses[-1] or card.name not in strongest_only]
        for name, value in scorer.values(wanted, Condition(fault, dose)).items():
            found[name].append(value)
    return {name: tuple(values) for name, values in found.items()}


class _Scorer:
    """Scores one condition after the other, and remembers.

    Args:
        dataset: with the audited cases alone in ``split``.
        split: name of the split.
        cache: of values and features.
        seed: of every random number.
    """

    def __init__(self, dataset: Dataset, split: str, cache: ValueCache, seed: int) -> None:
        self.dataset, self.split, self.cache, self.seed = dataset, split, cache, seed
        self.advance: Advance = lambda steps: None
        self._truth_hash = dataset.truth_hash(split)

    def values(self, cards: Sequence[MetricCard], condition: Condition) -> dict[str, Value]:
        """Every metric under one condition."""
        fault = condition.degradation
        words = ["truth"] if fault is None else [fault.name, fault.version, condition.dose]
        return self.values_of(cards, degraded_source(condition, self.dataset, self.split, self.seed), words)

    def values_of(self, cards: Sequence[MetricCard], source: VolumeSource, words: list[Any]) -> dict[str, Value]:
        """Every metric of some volumes; ``words`` name them, beside dataset and seed."""
        keys = {card.name: self._key(card, words) for card in cards}
        kept = {name: found for name, key in keys.items() if (found := self.cache.get(key)) is not None}
        missing = [card for card in cards if card.name not in kept]
        computed = self._score(missing, source) if missing else {}
        for name, value in computed.items():
            if value.value is not None:
                self.cache.put(keys[name], np.array([value.value, value.n_cases]))
        if not missing:
            self.advance(len(self.dataset.split(self.split)))
        remembered = {name: Value(float(found[0]), int(found[1])) for name, found in kept.items()}
        return {card.name: {**remembered, **computed}[card.name] for card in cards}

    def _score(self, cards: Sequence[MetricCard], source: VolumeSource) -> dict[str, Value]:
        def get(case_id: str) -> Volume | None:
            self.advance(1)
            return source.get(case_id)

        counted = dataclasses.replace(source, get=get)
        scores = scoring.score_cases(counted, self.dataset, self.split, cards, self.cache)
        return {card.name: _value(aggregate(card, scores).entry) for card in cards}

    def _key(self, card: MetricCard, words: Iterable[Any]) -> list[Any]:
        libraries = [metadata.version(name) for name in ("numpy", "scipy", "torch", "pillow")]
        cases = [case.case_id for case in self.dataset.split(self.split)]
        told = [card.name, card.version, card.function, card.level, card.parameters, card.features_version]
        return ["audit", 1, self._truth_hash, cases, self.seed, *words, *told, *libraries]


def _value(entry: Mapping[str, Any]) -> Value:
    value = entry["value"]
    if value is not None and not math.isfinite(value):
        return Value(None, entry["n_cases"], "not a finite number")
    return Value(value, entry["n_cases"], entry["reason"])


def _real_source(dataset: Dataset, split: str, seed: int) -> VolumeSource | None:
    """Other real eyes, as the oracle draws them; None where the training split cannot give them."""
    if any(case.split == "train" and not case.has_truth for case in dataset.cases):
        return None
    try:
        return oracle_source(REAL, dataset, split, seed=seed)
    except BenchError as error:
        if error.code != "E_SPLIT":
            raise
        return None
