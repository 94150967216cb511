"""Comparisons on the site: the pages there are, whose difference is told which way, what is drawn eye by eye."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_comparisons import compared, file_comparisons, with_matched

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard import compare_pages as pages
from fundus2oct.leaderboard.compare_view import p_text
from fundus2oct.leaderboard.pair_table import PairTable
from fundus2oct.leaderboard.site import build_site, read_boards
from fundus2oct.metrics import catalogue

MakeResult = Callable[..., dict[str, Any]]


def build(root: Path, results: Sequence[dict[str, Any]], *, cases: dict[str, str] | None = None) -> Path:
    """A site of ``results`` and their comparisons; ``cases`` are tables of values per case, by method."""
    results = with_matched(results)
    for result in results:
        if cases:
            result["protocol"]["disclosure"] = {"per_case": True, "pictures": False, "digits": None}
        record = publish_result(result, root / "results")
        if cases and result["entry"]["method"] in cases:
            record.with_name(f"{record.stem}.per_case.csv").write_text(cases[result["entry"]["method"]], "utf-8")
    file_comparisons(root / "results", compared(results))
    build_site(root / "results", root / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    return root / "site"


def real(result: MakeResult, method: str, fvd: float, **changes: Any) -> dict[str, Any]:
    """A record with the catalogue's own cards, found eligible."""
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    return result(method, fvd, cards=cards, eligible=True, **changes)


def words(site: Path, pattern: str) -> str:
    """The visible text of the one page that ``pattern`` names."""
    (path,) = site.glob(pattern)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", path.read_text("utf-8").split("<main", 1)[1])).split())


def test_without_comparisons_there_is_no_page_and_no_link(full_site: Path) -> None:
    assert not list(full_site.glob("boards/*/compare*"))
    assert "compare/" not in (full_site / "index.html").read_text("utf-8")


def test_two_entries_are_told_as_first_minus_second(tmp_path: Path, result: MakeResult) -> None:
    site = build(tmp_path, [real(result, "a", 100.0, ssim=0.30), real(result, "b", 300.0, ssim=0.42)])
    text = words(site, "boards/*/compare/team-a/a/team-a/b.html")
    assert re.search(r"In FVD: a is better; the difference is −200\.0 \[−2\d\d\.\d, −1\d\d\.\d\]\.", text)
    assert re.search(r"Structural similarity SSIM; higher is better 0\.3000 0\.4200 −0\.1200 .* b is better", text)


def test_each_side_of_a_pair_is_the_others_turned_round(tmp_path: Path, result: MakeResult) -> None:
    build(tmp_path, [real(result, "a", 100.0), real(result, "b", 300.0)])
    (board,) = read_boards(tmp_path / "results", cards=catalogue.CARDS, ranking_metric="fvd")
    table = PairTable.of(board)
    assert table is not None
    one, other = (table.pair("fvd", *rows) for rows in (board.rows, board.rows[::-1]))
    assert one is not None
    assert other is not None
    assert (one.difference, one.better, other.better) == (-other.difference, "first", "second")
    assert one.interval is not None
    assert other.interval == (-one.interval[1], -one.interval[0])


def test_every_link_of_the_pages_of_comparisons_leads_to_a_page(tmp_path: Path, result: MakeResult) -> None:
    site = build(tmp_path, [real(result, name, 100.0 + 40 * i) for i, name in enumerate("abcd")])
    found = sorted(site.glob("boards/*/compare/**/*.html"))
    assert len(found) == 1 + 4 + 6
    for path in found:
        links = re.findall(r'href="([^"#]+)"', path.read_text("utf-8"))
        assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
    entry = next(site.glob("boards/*/entries/team-a/a.html")).read_text("utf-8")
    assert re.search(r'href="[^"]*/compare/team-a/a\.html"', entry)
    assert re.search(r'href="[^"]*/compare/index\.html"', (site / "index.html").read_text("utf-8"))


def test_pages_of_pairs_and_neighbours_are_capped_and_say_so(
    tmp_path: Path, result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FACE_TO_FACE", 3)
    monkeypatch.setattr(pages, "NEIGHBOURS", 2)
    site = build(tmp_path, [real(result, name, 100.0 + 40 * i) for i, name in enumerate("abcde")])
    assert len(list(site.glob("boards/*/compare/*/*/*/*.html"))) == 3
    text = words(site, "boards/*/compare/team-a/c.html")
    assert "The 2 entries nearest to c on the board, of 4" in text
    assert "Only pairs of the first 3 entries have a page" in text
    assert "Pairs of the first 3 of 5 entries" in words(site, "boards/*/compare/index.html")


@pytest.mark.parametrize(("at", "expected"), [(0, "bc"), (2, "bd"), (4, "cd")])
def test_neighbours_are_the_nearest_rows(at: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "NEIGHBOURS", 2)
    assert "".join(pages._neighbours("abcde"[at], "abcde")) == expected  # type: ignore[arg-type]  # letters for rows


def test_eyes_are_drawn_where_the_phase_tells_their_values(tmp_path: Path, result: MakeResult) -> None:
    tables = {
        name: "case_id,code,ssim,psnr\n" + "".join(f"eye-{i},,{value},17.5\n" for i, value in enumerate(values))
        for name, values in {"a": [0.4] * 8 + [0.2] * 16, "b": [0.3] * 24}.items()
    }
    mean = {"a": (0.4 * 8 + 0.2 * 16) / 24, "b": 0.3}
    site = build(tmp_path, [real(result, n, v, ssim=mean[n]) for n, v in (("a", 1.0), ("b", 300.0))], cases=tables)
    text = words(site, "boards/*/compare/team-a/a/team-a/b.html")
    assert "SSIM, 24 eyes: a is better in 8, b in 16. First minus second: median −0.1000" in text.replace("\xa0", " ")
    assert "eye-3" not in text
    page = next(site.glob("boards/*/compare/team-a/a/team-a/b.html")).read_text("utf-8")
    assert page.count('class="scatter"') == 2


def test_a_phase_that_hides_values_per_case_shows_none(tmp_path: Path, result: MakeResult) -> None:
    site = build(tmp_path, [real(result, "a", 100.0), real(result, "b", 300.0)])
    text = words(site, "boards/*/compare/team-a/a/team-a/b.html")
    assert "This phase discloses no values per case" in text
    assert 'class="scatter"' not in next(site.glob("boards/*/compare/team-a/a/team-a/b.html")).read_text("utf-8")


def test_a_hostile_title_stays_text_on_every_page(tmp_path: Path, result: MakeResult) -> None:
    text = '<script>alert(1)</script>" onload="x'
    site = build(tmp_path, [real(result, "a", 100.0, title=text), real(result, "b", 300.0)])
    for path in site.glob("boards/*/compare/**/*.html"):
        assert "<script" not in path.read_text("utf-8")
        assert ' onload="' not in path.read_text("utf-8")
    assert "<script" not in next(site.glob("boards/*/relations.html")).read_text("utf-8")


def test_a_p_value_is_never_printed_as_nothing() -> None:
    assert [p_text(p) for p in (0.0, 0.0009, 0.05, 1.0, None)] == ["< 0.001", "< 0.001", "0.050", "1.000", "–"]
