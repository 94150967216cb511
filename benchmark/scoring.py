"""Scores of one set of volumes: every case of the split against its truth, case by case and as feature vectors.

Participants' code is never imported here. Cases are walked in the order the split fixes, a few at a time; no number
depends on how many. Means, intervals and the record are made in `benchmark.aggregation`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import Advance, progress
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import Volume, black_volume, volume_digest
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

CHUNK = 8
"""Cases held in memory at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CaseScores:
    """Everything that was measured on a split; private, because it is per case.

    Attributes:
        cases: the expected cases, in order.
        codes: public failure code of each failed case.
        case_values: case metric -> (n_cases, k), such as one value per B-scan; a failed case has the card's worst
            value. A metric whose features could not be computed is absent.
        features_truth: metric that takes features -> (n_cases * rows, d), or None where they could not be computed.
        features_generated: the same for the generated volumes; a failed case is an all-black volume.
        reasons: metric -> why there are no features.
        digests: content hash of each generated volume, None where the case failed.
        measured: protocol of a control -> (n_cases, rows, d) of the true and of the generated volumes.
    """

    cases: tuple[Case, ...]
    codes: Mapping[str, str]
    case_values: Mapping[str, Floats]
    features_truth: Mapping[str, Floats | None]
    features_generated: Mapping[str, Floats | None]
    reasons: Mapping[str, str]
    digests: Mapping[str, str | None]
    measured: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)


def score_cases(
    source: VolumeSource,
    dataset: Dataset,
    split: str,
    cards: Sequence[MetricCard],
    cache: ValueCache,
    measures: Sequence[FeatureProtocol] = (),
    collectors: Sequence[Collector] = (),
) -> CaseScores:
    """Measure every expected case of a split.

    Args:
        source: the volumes to be scored.
        dataset: with truth.
        split: name of the split.
        cards: the metrics, in the board's order.
        cache: of values and features, keyed by content.
        measures: what else to measure of every volume, for the controls.
        collectors: are handed every few cases' volumes as they pass.
    """
    cases = dataset.split(split)
    reasons = {card.name: reason for card in cards if (reason := missing_weights(card))}
    usable = [card for card in cards if card.name not in reasons]
    values: dict[str, list[Floats | None]] = {card.name: [] for card in usable if card.level == "case"}
    protocols = [card_protocol(card) for card in usable if card.features] + list(measures)
    features = {protocol.version: FeatureRows(protocol, cache) for protocol in protocols}
    digests: dict[str, str | None] = {}
    with progress(f"score {source.submission.name}", len(cases)) as advance:
        for chunk in _chunks(cases):
            pairs = [(dataset.volume(case), source.get(case.case_id)) for case in chunk]
            for case, (_, generated) in zip(chunk, pairs, strict=True):
                digests[case.case_id] = None if generated is None else volume_digest(generated)
            for collector in [*features.values(), *collectors]:
                collector.add(pairs)
            for card in usable:
                if card.level == "case":
                    values[card.name] += _chunk_values(card, pairs, features.get(card.features_version), cache)
            _advance(advance, len(chunk))
    with_features = [card for card in cards if card.features]
    found = {card.name: features.get(card.features_version) for card in with_features}
    return CaseScores(
        cases=cases,
        codes=dict(source.failures),
        case_values={card.name: _with_worst(card, values[card.name]) for card in usable if card.level == "case"},
        features_truth={name: None if rows is None else np.concatenate(rows.truth) for name, rows in found.items()},
        features_generated={
            name: None if rows is None else np.concatenate(rows.generated) for name, rows in found.items()
        },
        reasons=reasons,
        digests=digests,
        measured={protocol.version: features[protocol.version].stacked() for protocol in measures},
    )


Pairs = Sequence[tuple[Volume, Volume | None]]


class Collector(Protocol):
    """Whatever gathers something of the volumes while they pass."""

    def add(self, pairs: Pairs) -> None:
        """Take a few cases, each (truth, generated), or (truth, None) where the case failed."""


@dataclass(frozen=True)
class FeatureProtocol:
    """How volumes become rows of numbers.

    Attributes:
        function: ``module:attribute``, (n, 6, 320, 448) uint8 volumes -> (n * rows, d), imported late.
        version: name of the protocol; it rises whenever a number may change.
        rows: rows that one volume gives.
    """

    function: str
    version: str
    rows: int = 1


class FeatureRows:
    """The features of one protocol, true and generated, gathered chunk by chunk for all metrics that share them.

    Attributes:
        truth: one (rows, d) array a case.
        generated: the same; a failed case is an all-black volume.
    """

    def __init__(self, protocol: FeatureProtocol, cache: ValueCache) -> None:
        self._protocol = protocol
        self._cache = cache
        self.truth: list[Floats] = []
        self.generated: list[Floats] = []

    def add(self, pairs: Pairs) -> None:
        """Compute, or find in the cache, the features of a few cases."""
        black = black_volume()
        self.truth += feature_rows(self._protocol, [truth for truth, _ in pairs], self._cache)
        self.generated += feature_rows(self._protocol, [black if g is None else g for _, g in pairs], self._cache)

    def stacked(self) -> tuple[Floats, Floats]:
        """Truth and generated, each (n_cases, rows, d)."""
        return np.stack(self.truth), np.stack(self.generated)


def load_function(path: str) -> Any:
    """The attribute that a card names as ``module:attribute``."""
    module, name = path.split(":")
    return getattr(import_module(module), name)


def _chunks(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    for start in range(0, len(cases), CHUNK):
        yield cases[start : start + CHUNK]


def _advance(advance: Advance, n: int) -> None:
    step("chunk scored")
    advance(n)


def _chunk_values(
    card: MetricCard, pairs: Pairs, features: FeatureRows | None, cache: ValueCache
) -> list[Floats | None]:
    """The values of a few cases in one case metric; None where the case failed."""
    if features is None:
        return [None if volume is None else _case_values(card, truth, volume, cache) for truth, volume in pairs]
    function = load_function(card.function)
    rows = zip(pairs, features.truth[-len(pairs) :], features.generated[-len(pairs) :], strict=True)
    return [
        None if volume is None else np.asarray(function(truth, generated), np.float64).ravel()
        for (_, volume), truth, generated in rows
    ]


def _with_worst(card: MetricCard, values: Sequence[Floats | None]) -> Floats:
    """(n_cases, k) values; a failed case has the card's worst in each of its k places."""
    if card.worst is None:
        raise BenchError("E_INTERNAL", f"card {card.name} declares no worst value")
    k = next((found.size for found in values if found is not None), 1)
    worst = np.full(k, card.worst)
    return np.stack([worst if found is None else found for found in values])


def missing_weights(card: MetricCard) -> str | None:
    """Why a metric cannot be computed here: weights that are not installed; None where it can."""
    if card.weights is None:
        return None
    from fundus2oct.metrics import weight_registry

    entry = weight_registry.weights_named(card.weights)
    needed = [entry, *([weight_registry.weights_named(entry.companion)] if entry.companion else [])]
    if all(map(weight_registry.is_installed, needed)):
        return None
    return f"weights {card.weights} are not installed: run `bench weights install {card.weights}`"


def _case_values(card: MetricCard, truth: Volume, generated: Volume, cache: ValueCache) -> Floats:
    key = ["case", card.name, card.version, card.parameters, _library(), volume_digest(truth), volume_digest(generated)]
    values = cache.get(key)
    if values is None:
        values = np.asarray(load_function(card.function)(truth, generated), np.float64)
        cache.put(key, values)
    return values


def feature_rows(protocol: FeatureProtocol, volumes: Sequence[Volume], cache: ValueCache) -> list[Floats]:
    """One (rows, d) array a volume; each is computed alone, and kept at once, so that a kill loses one at most."""
    base = ["features", protocol.function, protocol.version, _library(), _device_class()]
    return [_volume_rows(protocol, [*base, volume_digest(volume)], volume, cache) for volume in volumes]


def _volume_rows(protocol: FeatureProtocol, key: list[Any], volume: Volume, cache: ValueCache) -> Floats:
    flat = cache.get(key)
    if flat is None:
        flat = np.asarray(load_function(protocol.function)(volume[None]), np.float64).ravel()
        cache.put(key, flat)
    return flat.reshape(protocol.rows, -1)


def set_value(card: MetricCard, truth: Floats, generated: Floats, patients: NDArray[Any]) -> float:
    """The value of a set metric alone, without its jackknife.

    Args:
        card: of a set metric.
        truth: (n, d) features.
        generated: (n, d).
        patients: (n,) labels, for metrics that ask for them.
    """
    function = load_function(card.function)
    by_patient = {"patients": patients} if "patients" in inspect.signature(function).parameters else {}
    return float(function(truth, generated, **by_patient))


def card_protocol(card: MetricCard) -> FeatureProtocol:
    """The features that a card names."""
    return FeatureProtocol(card.features or "", card.features_version, card.rows)


@functools.cache
def _library() -> str:
    return f"numpy {metadata.version('numpy')}, scipy {metadata.version('scipy')}"


@functools.cache
def _device_class() -> str:
    return f"cpu, torch {metadata.version('torch')}"
