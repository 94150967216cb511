"""The audit kept in docs: it obeys the schema, broke no promise, and the page's tables are its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundus2oct.benchmark.audit_file import Audit, read_audit
from fundus2oct.benchmark.audit_report import report_text

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def document() -> Audit:
    """The audit that docs/audit.md shows."""
    return read_audit(DOCS / "audit/phantom-mini-1-test.json")


def test_the_tables_in_the_documentation_are_those_of_the_file(document: Audit) -> None:
    assert report_text(document) in (DOCS / "audit.md").read_text("utf-8")


def test_the_published_audit_broke_no_promise(document: Audit) -> None:
    assert document["broken"] == []
    measured = [metric for metric in document["metrics"].values() if metric["truth_copy"] is not None]
    assert len(measured) >= 20
    assert all(len(metric["degradations"]) == 15 for metric in measured)


def test_every_value_has_its_row_and_column(document: Audit) -> None:
    lines = report_text(document).splitlines()
    measured = [metric for metric in document["metrics"].values() if metric["truth_copy"] is not None]
    rows = [line for line in lines if line.startswith("| blur |")]
    assert sum(line.count("|") - 2 for line in rows) == len(measured)
