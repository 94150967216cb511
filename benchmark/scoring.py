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
        case_values: case metric -> (n_cases, 6), one value per B-scan; a failed case has the card's worst value.
        features_truth: set metric -> (n_cases, d), or None where the features could not be computed.
        features_generated: the same for the generated volumes; a failed case is an all-black volume.
        reasons: set metric -> why there are no features.
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
    case_cards = [card for card in cards if card.level == "case"]
    set_cards = [card for card in cards if card.level == "set"]
    reasons = {card.name: reason for card in set_cards if (reason := _missing_weights(card))}
    values: dict[str, list[Floats]] = {card.name: [] for card in case_cards}
    truths: dict[str, list[Floats]] = {card.name: [] for card in set_cards if card.name not in reasons}
    drawn: dict[str, list[Floats]] = {name: [] for name in truths}
    digests: dict[str, str | None] = {}
    with progress(f"score {source.submission.name}", len(cases)) as advance:
        for chunk in _chunks(cases):
            pairs = [(dataset.volume(case), source.get(case.case_id)) for case in chunk]
            digests |= {
                case.case_id: None if generated is None else volume_digest(generated)
                for case, (_, generated) in zip(chunk, pairs, strict=True)
            }
            for card in case_cards:
                values[card.name] += [_case_values(card, truth, generated, cache) for truth, generated in pairs]
            for card in set_cards:
                if card.name in truths:
                    truths[card.name] += _features(card, [truth for truth, _ in pairs], cache)
                    black = black_volume()
                    drawn[card.name] += _features(card, [black if g is None else g for _, g in pairs], cache)
            _advance(advance, len(chunk))
    return CaseScores(
        cases=cases,
        codes=dict(source.failures),
        case_values={name: np.stack(rows) for name, rows in values.items()},
        features_truth={card.name: _stacked(truths, card.name) for card in set_cards},
        features_generated={card.name: _stacked(drawn, card.name) for card in set_cards},
        reasons=reasons,
        digests=digests,
    )


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


def _stacked(rows: Mapping[str, list[Floats]], name: str) -> Floats | None:
    return np.stack(rows[name]) if name in rows else None


def _missing_weights(card: MetricCard) -> str | None:
    if card.weights is None:
        return None
    from fundus2oct.metrics import weight_registry

    if weight_registry.is_installed(weight_registry.weights_named(card.weights)):
        return None
    return f"weights {card.weights} are not installed: run `bench weights install {card.weights}`"


def _case_values(card: MetricCard, truth: Volume, generated: Volume | None, cache: ValueCache) -> Floats:
    if generated is None:
        if card.worst is None:
            raise BenchError("E_INTERNAL", f"card {card.name} declares no worst value")
        return np.full(len(truth), card.worst)
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
        computed = load_function(card.features)(np.stack([volumes[i] for i in missing.values()]))
        for i, features in zip(missing.values(), computed, strict=True):
            cache.put(keys[i], np.asarray(features, np.float64))
    return [cached if cached is not None else _again(cache, key) for cached, key in zip(found, keys, strict=True)]


def _again(cache: ValueCache, key: list[Any]) -> Floats:
    features = cache.get(key)
    if features is None:
        raise BenchError("E_DISK", "a value just written cannot be read", where=cache.folder)
    return features


def _library() -> str:
    return f"numpy {metadata.version('numpy')}, scipy {metadata.version('scipy')}"


def _device_class() -> str:
    return f"cpu, torch {metadata.version('torch')}"
