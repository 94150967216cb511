"""Scoring a finished run again and holding what comes out against what was filed.

Twice: the whole run gives a record whose bytes must be equal, and the values of a few cases, computed anew without any
cache, must be those of the private `per_case.csv`. Called by `verify_command`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import scoring
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.disclosure import Disclosure, public_record
from fundus2oct.benchmark.measured_source import measure_source
from fundus2oct.benchmark.result_file import Result
from fundus2oct.benchmark.score_files import per_case_text
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError


@dataclass(frozen=True)
class Difference:
    """One place where two documents differ, each side as text; ``nothing`` where a side has no such place."""

    place: str
    filed: str
    found: str


def rescore(source: VolumeSource, dataset: Dataset, record: Result, cache: ValueCache) -> Result:
    """The record that scoring the same volumes gives now.

    What the organiser decided when it was filed is taken from it: the phase, its disclosure, and what it replaces.
    """
    split, phase, rule = record["dataset"]["split"], record["phase"], Disclosure.of(record)
    result = measure_source(source, dataset, split, phase=phase, cache=cache).result
    return in_form_of(record, public_record(result, rule))


def in_form_of(record: Result, found: Result) -> Result:
    """A record scored now, as it would have been filed when ``record`` was.

    The first version of the schema had no `strata`; a rule of disclosure stands in the words in which it was filed.
    """
    kept = {key: record[key] for key in ("supersedes",) if key in record}
    if record["schema_version"] == 1:
        found = {key: value for key, value in found.items() if key != "strata"} | {"schema_version": 1}
    if "disclosure" in record["protocol"]:
        found = found | {"protocol": found["protocol"] | {"disclosure": record["protocol"]["disclosure"]}}
    return found | kept


def differences(filed: Any, found: Any, place: str = "") -> Iterator[Difference]:
    """Every place where two JSON documents differ.

    >>> [d.place for d in differences({"a": [1, 2], "b": 0}, {"a": [1, 3], "c": 0})]
    ['a.1', 'b', 'c']
    """
    if isinstance(filed, dict) and isinstance(found, dict):
        for key in sorted(filed.keys() | found.keys()):
            yield from differences(filed.get(key, _ABSENT), found.get(key, _ABSENT), f"{place}.{key}".lstrip("."))
    elif isinstance(filed, list) and isinstance(found, list) and len(filed) == len(found):
        for number, pair in enumerate(zip(filed, found, strict=True)):
            yield from differences(*pair, f"{place}.{number}".lstrip("."))
    elif filed != found or type(filed) is not type(found):
        yield Difference(place, _text(filed), _text(found))


def case_differences(
    source: VolumeSource, dataset: Dataset, split: str, case_ids: Sequence[str], per_case: Path, cache: ValueCache
) -> list[Difference]:
    """Where the case metrics of a few cases, computed with ``cache``, differ from the private table.

    Args:
        source: the stored volumes.
        dataset: with truth.
        split: name of the split.
        case_ids: the cases.
        per_case: `per_case.csv` of the scored run.
        cache: an empty one, so that everything is computed.
    """
    filed = _rows(per_case.read_text("utf-8"))
    chosen = set(case_ids)
    few = replace(dataset, cases=tuple(case for case in dataset.split(split) if case.case_id in chosen))
    failures = {case_id: code for case_id, code in source.failures.items() if case_id in chosen}
    cards = [card for card in catalogue.CARDS if card.level == "case"]
    scores = scoring.score_cases(replace(source, failures=failures), few, split, cards, cache)
    found = _rows(per_case_text(scores, cards))
    if missing := sorted(chosen - filed.keys()):
        raise BenchError("E_MISSING", "the table lacks a case", where=per_case, expected=missing[0])
    return [d for case_id in sorted(chosen) for d in differences(filed[case_id], found[case_id], case_id)]


def _rows(text: str) -> dict[str, dict[str, str]]:
    return {row["case_id"]: row for row in csv.DictReader(text.splitlines())}


class _Absent:
    """Stands for a key that one side lacks."""


_ABSENT = _Absent()


def _text(value: Any) -> str:
    return "nothing" if isinstance(value, _Absent) else str(value)[:80]
