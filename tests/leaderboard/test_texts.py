"""Numbers and strangers' words as text; the examples in the modules are tests too."""

from __future__ import annotations

import doctest

import pytest

from fundus2oct.leaderboard import number_text, safe_text
from fundus2oct.leaderboard.board import REFERENCE_METHOD
from fundus2oct.leaderboard.published import read_published


@pytest.mark.parametrize("module", [number_text, safe_text])
def test_examples_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]  # a module, which the stub calls ModuleType
    assert found.attempted > 0
    assert found.failed == 0


def test_a_bibtex_field_cannot_be_ended_from_inside() -> None:
    text = safe_text.bibtex_text("x},\n@comment{\\end")
    assert text == r"x\textbraceright{}, @comment\textbraceleft{}\textbackslash{}end"


def test_text_that_is_only_emoji_or_another_script_stays() -> None:
    assert safe_text.visible("網膜 👁 שלום") == "網膜 👁 שלום"


def test_a_lone_surrogate_can_be_written_afterwards() -> None:
    assert safe_text.visible_everywhere({"\ud800": ["\udfff"]}) == {"\ufffd": ["\ufffd"]}


def test_published_rows_are_the_reported_ones() -> None:
    published = read_published()
    assert published.protocol == "reported, different protocol"
    assert [row.values for row in published.rows] == [
        {"fvd": 624.59},
        {"fvd": 1083.87, "ssim": 0.1367, "psnr": 13.31},
    ]
    assert all(row.link.startswith("https://") for row in published.rows)
    assert REFERENCE_METHOD not in {row.method for row in published.rows}
