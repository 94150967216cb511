"""The site of records that hold all parts: what readers find on the board, the entries and the metrics' pages."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from fundus2oct.benchmark import controls
from fundus2oct.leaderboard.metric_groups import OTHER, family_of
from fundus2oct.leaderboard.plain_reason import plain_reasons
from fundus2oct.metrics import catalogue


def words(site: Path, pattern: str) -> str:
    """The visible text of the one page that ``pattern`` names."""
    (path,) = site.glob(pattern)
    body = path.read_text("utf-8").split("<main", 1)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_board_tells_what_other_real_eyes_score(full_site: Path) -> None:
    text = words(full_site, "index.html")
    assert "lower is better; other real eyes 209.4 [190.9, 229.9], 50 draws" in text
    assert re.search(r"diffusion team-a · submission · self-reported 214\.6 \[196\.6, 232\.6\] within", text)
    assert re.search(r"ridge ‡? ?team-a · baseline · self-reported 603\.8 \+394\.4", text)


def test_the_band_of_draws_takes_the_place_of_the_line(full_site: Path) -> None:
    text = (full_site / "index.html").read_text("utf-8")
    assert 'class="band"' in text
    assert 'class="reference"' not in text


def test_the_board_has_columns_for_headline_metrics_alone(full_site: Path) -> None:
    head = (full_site / "index.html").read_text("utf-8").split("<thead", 1)[1].split("</thead>", 1)[0]
    headline = [card.name for card in catalogue.CARDS if card.role == "headline"]
    assert re.findall(r"metrics/([a-z0-9_]+)\.html", head) == headline


def test_the_board_names_the_entry_nearest_in_thickness_among_the_ranked(full_site: Path) -> None:
    text = words(full_site, "index.html")
    assert re.search(r"Nearest in thickness ridge Thickness error, central subfield 18\.0 µm \[14\.3, 21\.7\]", text)
    assert 'metrics/central_thickness_error.html">' in (full_site / "index.html").read_text("utf-8")


def test_rows_that_are_refused_say_why_in_plain_words(full_site: Path) -> None:
    text = words(full_site, "index.html")
    assert (
        "Shown, not ranked: it may ignore the photograph, since its central thickness fits the right eye only 5.1 µm "
        "[−8.9, 19.1] better than other patients' eyes"
    ) in text
    assert "Shown, not ranked: 24 of 24 volumes are copies of training volumes, or nearly so" in text


def test_the_words_of_the_scorer_are_made_plainer() -> None:
    gaps = {"central": {"gap": {"value": 5.1, "low": -8.9, "high": 19.1}, "reason": None}}
    eligible = controls._eligible(gaps, {"flagged": 0, "cases": 24})
    (reason,) = plain_reasons({"eligible": eligible, "controls": {"photograph_gap": gaps}})
    assert reason not in eligible["reasons"]
    assert "5.1 µm [−8.9, 19.1]" in reason


def test_a_reason_that_nobody_knows_stands_as_it_is() -> None:
    assert plain_reasons({"eligible": {"value": False, "reasons": ["a new reason"]}}) == ("a new reason",)


@pytest.mark.parametrize(
    "text",
    [
        "For about 95 % of eyes the difference lies between −58 and +52 µm.",
        "31 % less than giving every eye the mean thickness of the training eyes.",
        "Sensitivity: 4 of 6, 66.7 %",
        "1 % of the generated ones",
        "0.95, as real",
        "Yes, as far as the thickness of the centre shows",
        "+18.4 µm [4.4, 32.4] < 0.001 24 eyes of 12 patients",
        "No volume lies so near to one training eye",
        "No value: weights lpips-alex are not installed: run bench weights install lpips-alex",
        "Headline metrics. They have a column on the board.",
    ],
)
def test_an_entry_page_tells(full_site: Path, text: str) -> None:
    assert text in words(full_site, "boards/*/entries/team-a/diffusion.html").replace("\xa0", " ")


def test_a_blurred_entry_is_called_so(full_site: Path) -> None:
    text = words(full_site, "boards/*/entries/team-a/mean-volume.html")
    assert "0.004, blurred" in text
    assert "drawn 35.0 µm too thick" in text


def test_every_card_has_a_page_that_the_index_links_to(full_site: Path) -> None:
    (index,) = full_site.glob("boards/*/metrics/index.html")
    linked = re.findall(r'metrics/([a-z0-9_]+)\.html">[^<]*</a> <span class="note"', index.read_text("utf-8"))
    assert sorted(linked) == sorted(card.name for card in catalogue.CARDS)
    assert {path.stem for path in index.parent.glob("*.html")} == {*linked, "index"}


@pytest.mark.parametrize("card", catalogue.CARDS, ids=lambda card: card.name)
def test_the_page_of_a_metric_says_all_that_its_card_says(full_site: Path, card: catalogue.MetricCard) -> None:
    text = words(full_site, f"boards/*/metrics/{card.name}.html")
    facts = [f"{card.direction} is better", f"Role {card.role.capitalize()}", card.version, card.source, *card.traps]
    facts.append(f"bench weights install {card.weights}" if card.weights else "Weights needed none")
    for fact in (*facts, card.formula):
        assert " ".join(fact.split()) in text


def test_a_metric_that_no_entry_could_compute_says_so_once(full_site: Path) -> None:
    text = words(full_site, "boards/*/metrics/lpips.html")
    assert text.count("weights lpips-alex are not installed") == 1


@pytest.mark.parametrize("card", catalogue.CARDS, ids=lambda card: card.name)
def test_every_metric_of_the_catalogue_has_a_family(card: catalogue.MetricCard) -> None:
    assert family_of(card) is not OTHER, f"name {card.name} in leaderboard/metric_groups.py"
