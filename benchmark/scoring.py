"""Scores of one set of volumes: every case of the split against its truth, case by case and as feature vectors.

Participants' code is never imported here. Cases are walked in the order the split fixes, a few at a time; no number
depends on how many. Means, intervals and the record are made in `benchmark.aggregation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any

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
    """

    cases: tuple[Case, ...]
    codes: Mapping[str, str]
    case_values: Mapping[str, Floats]
    features_truth: Mapping[str, Floats | None]
    features_generated: Mapping[str, Floats | None]
    reasons: Mapping[str, str]
    digests: Mapping[str, str | None]


def score_cases(
    source: VolumeSource, dataset: Dataset, split: str, cards: Sequence[MetricCard], cache: ValueCache
) -> CaseScores:
    """Measure every expected case of a split.

    Args:
        source: the volumes to be scored.
        dataset: with truth.
        split: name of the split.
        cards: the metrics, in the board's order.
        cache: of values and features, keyed by content.
    """
    cases = dataset.split(split)
    reasons = {card.name: reason for card in cards if (reason := _missing_weights(card))}
    usable = [card for card in cards if card.name not in reasons]
    values: dict[str, list[Floats]] = {card.name: [] for card in usable if card.level == "case"}
    features = {card.features_version: FeatureRows(card, cache) for card in usable if card.features}
    digests: dict[str, str | None] = {}
    with progress(f"score {source.submission.name}", len(cases)) as advance:
        for chunk in _chunks(cases):
            pairs = [(dataset.volume(case), source.get(case.case_id)) for case in chunk]
            for case, (_, generated) in zip(chunk, pairs, strict=True):
                digests[case.case_id] = None if generated is None else volume_digest(generated)
            for rows in features.values():
                rows.add(pairs)
            for card in usable:
                if card.level == "case":
                    values[card.name] += _chunk_values(card, pairs, features.get(card.features_version), cache)
            _advance(advance, len(chunk))
    with_features = [card for card in cards if card.features]
    found = {card.name: features.get(card.features_version) for card in with_features}
    return CaseScores(
        cases=cases,
        codes=dict(source.failures),
        case_values={name: np.stack(rows) for name, rows in values.items()},
        features_truth={name: None if rows is None else np.concatenate(rows.truth) for name, rows in found.items()},
        features_generated={
            name: None if rows is None else np.concatenate(rows.generated) for name, rows in found.items()
        },
        reasons=reasons,
        digests=digests,
    )


Pairs = Sequence[tuple[Volume, Volume | None]]


class FeatureRows:
    """The features of one protocol, true and generated, gathered chunk by chunk for all metrics that share them.

    Attributes:
        truth: one (rows, d) array a case.
        generated: the same; a failed case is an all-black volume.
    """

    def __init__(self, card: MetricCard, cache: ValueCache) -> None:
        self._card = card
        self._cache = cache
        self.truth: list[Floats] = []
        self.generated: list[Floats] = []

    def add(self, pairs: Pairs) -> None:
        """Compute, or find in the cache, the features of a few cases."""
        black = black_volume()
        self.truth += _features(self._card, [truth for truth, _ in pairs], self._cache)
        self.generated += _features(self._card, [black if g is None else g for _, g in pairs], self._cache)


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


def _chunk_values(card: MetricCard, pairs: Pairs, features: FeatureRows | None, cache: ValueCache) -> list[Floats]:
    if features is None:
        return [_case_values(card, truth, generated, cache) for truth, generated in pairs]
    rows = zip(pairs, features.truth[-len(pairs) :], features.generated[-len(pairs) :], strict=True)
    function = load_function(card.function)
    return [
        _worst(card, np.asarray(function(truth, truth)).size)
        if volume is None
        else np.asarray(function(truth, generated), np.float64).ravel()
        for (_, volume), truth, generated in rows
    ]


def _worst(card: MetricCard, n: int) -> Floats:
    if card.worst is None:
        raise BenchError("E_INTERNAL", f"card {card.name} declares no worst value")
    return np.full(n, card.worst)


def _missing_weights(card: MetricCard) -> str | None:
    if card.weights is None:
        return None
    from fundus2oct.metrics import weight_registry

    if weight_registry.is_installed(weight_registry.weights_named(card.weights)):
        return None
    return f"weights {card.weights} are not installed: run `bench weights install {card.weights}`"


def _case_values(card: MetricCard, truth: Volume, generated: Volume | None, cache: ValueCache) -> Floats:
    if generated is None:
        return _worst(card, len(truth))
    key = ["case", card.name, card.version, card.parameters, _library(), volume_digest(truth), volume_digest(generated)]
    values = cache.get(key)
    if values is None:
        values = np.asarray(load_function(card.function)(truth, generated), np.float64)
        cache.put(key, values)
    return values


def _features(card: MetricCard, volumes: Sequence[Volume], cache: ValueCache) -> list[Floats]:
    """Feature vectors of volumes; only those that the cache does not hold reach the network, each alone or not."""
    if card.features is None:
        raise BenchError("E_INTERNAL", f"card {card.name} names no features")
    protocol = ["features", card.features, card.features_version, _device_class()]
    keys = [[*protocol, volume_digest(volume)] for volume in volumes]
    found = [cache.get(key) for key in keys]
    missing = {keys[i][-1]: i for i, features in enumerate(found) if features is None}
    if missing:
        computed = np.asarray(
            load_function(card.features)(np.stack([volumes[i] for i in missing.values()])), np.float64
        )
        for i, features in zip(missing.values(), computed.reshape(len(missing), -1), strict=True):
            cache.put(keys[i], features)
    flat = [cached if cached is not None else _again(cache, key) for cached, key in zip(found, keys, strict=True)]
    return [features.reshape(card.rows, -1) for features in flat]


def _again(cache: ValueCache, key: list[Any]) -> Floats:
    features = cache.get(key)
    if features is None:
        raise BenchError("E_DISK", "a value just written cannot be read", where=cache.folder)
    return features


def _library() -> str:
    return f"numpy {metadata.version('numpy')}, scipy {metadata.version('scipy')}"


def _device_class() -> str:
    return f"cpu, torch {metadata.version('torch')}"
