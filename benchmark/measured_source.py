"""A source of volumes measured from end to end: scores, controls, aggregates and the record that follows from them.

Nothing is written but the cache. `bench score` files what comes out; `bench verify` holds it against what was filed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fundus2oct.benchmark import aggregation, anatomy, controls, scoring
from fundus2oct.benchmark.aggregation import Aggregate
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.result_file import Result
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.strata import case_labels, strata_of
from fundus2oct.benchmark.strata_table import strata_table
from fundus2oct.benchmark.training_eyes import read_training_eyes
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics import catalogue


@dataclass(frozen=True, kw_only=True)
class MeasuredSource:
    """What scoring found; private but for ``result``.

    Attributes:
        result: the record, with every digit.
        scores: values per case.
        aggregates: metric -> its aggregate.
        flagged: case -> ratio and training case of what looks copied.
    """

    result: Result
    scores: CaseScores
    aggregates: Mapping[str, Aggregate]
    flagged: Mapping[str, tuple[float, str]]


def measure_source(
    source: VolumeSource, dataset: Dataset, split: str, *, phase: str, cache: ValueCache, train_split: str = "train"
) -> MeasuredSource:
    """Score the volumes of every case of a split against the truth.

    Args:
        source: the volumes.
        dataset: with truth.
        split: name of the split.
        phase: written into the record.
        cache: of values and features.
        train_split: whose volumes could have been memorised.
    """
    cards = catalogue.CARDS
    reduced, measures = controls.ReducedVolumes(), (*controls.PROTOCOLS, *anatomy.PROTOCOLS)
    scores = scoring.score_cases(source, dataset, split, cards, cache, measures, [reduced])
    training = read_training_eyes(dataset, cache, train_split)
    disease = case_labels(dataset, scores.cases, "disease")
    found = controls.run_controls(scores, reduced, training, cache, disease)
    aggregates = {card.name: aggregation.aggregate(card, scores) for card in cards}
    if source.carries_references:
        aggregates = _with_references(aggregates, scores, dataset, cache, train_split)
    result = aggregation.make_result(
        source=source,
        dataset=dataset,
        split=split,
        phase=phase,
        scores=scores,
        cards=cards,
        aggregates=aggregates,
        controls=found,
        cohort={
            "anatomy": anatomy.anatomy_table(scores, training),
            "texture": anatomy.texture_table(scores),
            "strata": strata_table(scores, strata_of(dataset, scores.cases), cards),
        },
    )
    return MeasuredSource(result=result, scores=scores, aggregates=aggregates, flagged=found.flagged)


def _with_references(
    aggregates: Mapping[str, Aggregate], scores: CaseScores, dataset: Dataset, cache: ValueCache, train_split: str
) -> dict[str, Aggregate]:
    """The aggregates, with what other real eyes score in every set metric."""
    from fundus2oct.benchmark.real_reference import real_references

    references = real_references(scores, dataset, catalogue.CARDS, cache, train_split)
    return {
        name: replace(found, entry=found.entry | {"reference": references[name]}) if name in references else found
        for name, found in aggregates.items()
    }
