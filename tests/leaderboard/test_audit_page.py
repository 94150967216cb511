"""The audit page: every value with its verdict in words, drawings that say the same, and no page without an audit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_audits import digest, make_audit, under

from fundus2oct.benchmark.audit_file import filed_path, write_audit
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.audit_drawing import HEIGHT, MARGIN, draw_panel, make_scale
from fundus2oct.leaderboard.audit_page import read_audits
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics.catalogue import card
from fundus2oct.metrics.errors import BenchError

CARDS = (card("fvd"), card("ssim"), card("psnr"))
Build = Callable[[dict[str, Any] | None], Path]


@pytest.fixture
def build(tmp_path: Path, result: Callable[..., Any]) -> Build:
    """Builds a site of one entry, with or without an audit; returns the folder of its board."""

    def make(audit: dict[str, Any] | None) -> Path:
        root = tmp_path / "results"
        publish_result(result("one", 100.0), root)
        if audit is not None:
            write_audit(filed_path(root, audit), audit)
        build_site(root, tmp_path / "site", cards=CARDS, ranking_metric="fvd")
        (board,) = (tmp_path / "site/boards").iterdir()
        return board

    return make


@pytest.fixture
def page(build: Build) -> str:
    """The text of the audit page."""
    return (build(make_audit()) / "audit.html").read_text("utf-8")


def test_the_table_has_every_value_with_its_verdict_in_words(page: str) -> None:
    table = page[page.index("<tbody") : page.index("</tbody>")]
    cells = re.findall(r'<td role="cell" class="number \w+">(\S+) <span class="word">([^<]+)</span>', table)
    assert cells == [("480.0", "reacts"), ("0.0", "ignores"), ("0.5000", "reacts"), ("0.2000", "reacts")]


def test_a_panel_says_in_words_what_it_draws(page: str) -> None:
    label = "FVD under blur (px): 30.0 at 1, 120.0 at 2, 480.0 at 4; copy of the truth 0.0; other real eyes 90.3"
    assert f'role="img" aria-label="{label}"' in page
    assert page.count('<svg class="panel-drawing"') == 4


def test_declarations_findings_and_what_is_missing_are_told(page: str) -> None:
    assert "Must react to blur; must ignore patient shuffle." in page
    assert "All 4\N{NO-BREAK SPACE}declarations of 2\N{NO-BREAK SPACE}metrics were kept." in page
    assert "Another: not computed, weights lpips-alex are not installed" in page
    assert "16 blended frames and each B-scan three times 0.91" in page
    assert "FVD 12\N{NO-BREAK SPACE}%" in page
    assert "16\N{NO-BREAK SPACE}eyes of 9\N{NO-BREAK SPACE}patients, of 24 eyes" in page


def test_a_metric_that_was_audited_in_another_version_says_so(page: str) -> None:
    assert f"Audited as {card('fvd').version}, while this board has fvd-v1." in page


def test_a_broken_promise_is_told_in_words(build: Build) -> None:
    audit = make_audit()
    problem = "fvd must ignore patient-shuffle and does not: 7 worse, tolerance 0.5"
    audit["metrics"]["fvd"]["degradations"]["patient-shuffle"] = under([7.0, 7.0], "broken", [problem])
    audit["metrics"]["fvd"]["broken"] = audit["broken"] = [problem]
    text = (build(audit) / "audit.html").read_text("utf-8")
    assert f"<li>{problem}</li>" in text
    assert '<td role="cell" class="number broken">7.0 <span class="word">broken</span>' in text
    assert "1\N{NO-BREAK SPACE}promise broken" in text


def test_pages_link_to_the_audit_only_where_there_is_one(build: Build) -> None:
    board = build(None)
    assert not (board / "audit.html").exists()
    assert "audit.html" not in (board / "metrics/fvd.html").read_text("utf-8")
    board = build(make_audit())
    assert 'audit.html#fvd">' in (board / "metrics/fvd.html").read_text("utf-8")
    assert "audit.html" in (board / "about.html").read_text("utf-8")


def test_an_audit_of_another_truth_gets_no_page(build: Build) -> None:
    audit = make_audit()
    audit["dataset"]["truth_hash"] = digest("another")
    assert not (build(audit) / "audit.html").exists()


def test_a_bad_audit_ends_the_build(tmp_path: Path) -> None:
    audit = make_audit()
    path = filed_path(tmp_path / "results", audit)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(BenchError, match="E_SCHEMA"):
        read_audits(tmp_path / "results")


def test_strangers_text_is_escaped(build: Build) -> None:
    audit = make_audit()
    audit["degradations"][0]["title"] = '<b onload="x">"'
    text = (build(audit) / "audit.html").read_text("utf-8")
    assert "<b onload" not in text
    assert "&lt;b onload=&#34;x&#34;&gt;&#34;" in text


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 760, 1280])
def test_the_page_fits_the_screen_and_complains_of_nothing(build: Build, running_browser: Any, width: int) -> None:
    address = (build(make_audit()) / "audit.html").as_uri()
    complaints: list[str] = []
    page = running_browser.new_page(viewport={"width": width, "height": 800})
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    found = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert (found, complaints) == (width, [])


def height_of(harm: float, harms: list[float]) -> float:
    return make_scale(harms).y(harm)


def test_worse_is_higher_and_the_truth_lies_at_the_bottom_where_nothing_is_better() -> None:
    harms = [0.0, 1.0, 4.0]
    heights = [height_of(harm, harms) for harm in harms]
    assert heights[0] == HEIGHT - MARGIN
    assert heights[2] == MARGIN
    assert heights[0] > heights[1] > heights[2]
    assert heights[0] - heights[1] == pytest.approx((heights[0] - heights[2]) / 2)


def test_better_than_the_truth_lies_below_its_line() -> None:
    assert height_of(-1.0, [-1.0, 4.0]) > height_of(0.0, [-1.0, 4.0])


def test_a_metric_that_never_moves_is_drawn_flat() -> None:
    text = str(draw_panel([0.0, 0.0], make_scale([0.0]), tolerance=0.1, reference=None, is_declared=True, label="flat"))
    assert len(set(re.findall(r'cy="([\d.]+)"', text))) == 1
    assert "nan" not in text


def test_a_missing_dose_leaves_a_gap() -> None:
    text = str(draw_panel([1.0, None, 4.0], make_scale([4.0]), tolerance=0, reference=2.0, is_declared=False, label=""))
    assert text.count("<circle") == 2
    assert 'class="reference"' in text
