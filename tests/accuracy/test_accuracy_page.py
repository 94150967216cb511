"""docs/accuracy.md: every metric has a row, every row's test is there, and no difference exceeds its tolerance."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundus2oct.metrics.catalogue import CARDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "accuracy.md").read_text("utf-8")
HEAD = ["number", "golden source", "compared on", "largest difference", "tolerance", "test", "metrics"]


def rows() -> list[dict[str, str]]:
    """The rows of the four tables of comparisons."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TEXT.splitlines() if line[:1] == "|"]
    return [
        dict(zip(HEAD, row, strict=True)) for row in cells if len(row) == len(HEAD) and row[0] not in (HEAD[0], "---")
    ]


def test_the_page_has_its_tables() -> None:
    assert len(rows()) > 40


@pytest.mark.parametrize("name", [card.name for card in CARDS])
def test_every_metric_rests_on_a_golden_source(name: str) -> None:
    assert any(f"`{name}`" in row["metrics"] for row in rows())


def test_every_row_names_a_test_that_exists() -> None:
    absent = []
    for row in rows():
        path, _, name = row["test"].strip("`").partition("::")
        if f"def {name}(" not in (ROOT / path).read_text("utf-8"):
            absent.append(row["test"])
    assert absent == []


def test_no_difference_exceeds_its_tolerance() -> None:
    beyond = [row for row in rows() if not float(row["largest difference"].split()[0]) <= float(row["tolerance"])]
    assert beyond == []
