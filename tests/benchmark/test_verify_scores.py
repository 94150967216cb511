"""Holding a record against one that is scored now: old records are compared in the form in which they were filed."""

from __future__ import annotations

import dataclasses
from typing import Any

from fundus2oct.benchmark.disclosure import Disclosure
from fundus2oct.benchmark.result_file import SCHEMA_VERSION
from fundus2oct.benchmark.verify_scores import differences, in_form_of

FOUND: dict[str, Any] = {
    "schema_version": SCHEMA_VERSION,
    "protocol": {"container": "raw"},
    "metrics": {"psnr": 20.0},
    "strata": [{"column": "eye"}],
}


def test_a_record_from_before_groups_is_compared_without_them() -> None:
    old = {key: value for key, value in FOUND.items() if key != "strata"} | {"schema_version": 1}
    assert list(differences(old, in_form_of(old, FOUND))) == []
    changed = FOUND | {"metrics": {"psnr": 21.0}}
    assert [d.place for d in differences(old, in_form_of(old, changed))] == ["metrics.psnr"]


def test_a_record_of_today_that_lacks_its_groups_differs() -> None:
    without = {key: value for key, value in FOUND.items() if key != "strata"}
    assert [d.place for d in differences(without, in_form_of(without, FOUND))] == ["strata"]


def test_a_rule_of_disclosure_stands_as_it_was_filed() -> None:
    rule = Disclosure(digits=3)
    marked = rule.marked(FOUND)
    filed = {key: value for key, value in dataclasses.asdict(rule).items() if key != "labels"}
    record = FOUND | {"protocol": FOUND["protocol"] | {"disclosure": filed}, "supersedes": {"record": "0001-89abcdef"}}
    assert list(differences(record, in_form_of(record, marked))) == []
