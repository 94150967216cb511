"""The sections of an entry's page: anatomy, texture, use of the photograph, memorisation, all values."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from full_records import anatomy, complete, controls

from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.leaderboard.anatomy_view import AnatomyView, view_anatomy
from fundus2oct.leaderboard.board import make_boards
from fundus2oct.leaderboard.controls_view import view_memorisation, view_photograph
from fundus2oct.leaderboard.results_tree import Entry, Record
from fundus2oct.leaderboard.texture_view import RATIOS, verdict, view_texture
from fundus2oct.leaderboard.values_view import view_values
from fundus2oct.metrics import catalogue

MakeResult = Callable[..., dict]


def anatomy_of(told: dict[str, Any]) -> AnatomyView:
    found = view_anatomy({"anatomy": told})
    assert found is not None
    return found


def test_records_from_before_the_sections_show_none_of_them(result: MakeResult) -> None:
    old = result("a", 1.0)
    assert [view(old) for view in (view_anatomy, view_texture, view_photograph, view_memorisation)] == [None] * 4


def test_the_zones_stand_from_the_centre_outwards_with_signed_bias() -> None:
    zones = anatomy_of(anatomy(24.0, -3.2)).zones
    assert [zone.name.split(",")[0] for zone in zones] == ["Central subfield", "Inner ring", "Outer ring"]
    assert (zones[0].bias, zones[0].limits, zones[0].mae, zones[0].skill) == ("−3.2", "[−60, +53]", "24.0", "0.29")


@pytest.mark.parametrize(
    ("bias", "words"), [(3.2, "3.2 µm too thick"), (-3.2, "3.2 µm too thin"), (-0.01, "drawn as thick as it is")]
)
def test_the_sentence_says_which_way_the_centre_is_off(bias: float, words: str) -> None:
    assert words in anatomy_of(anatomy(24.0, bias)).sentences[0]


@pytest.mark.parametrize(("error", "words"), [(17.0, "50\xa0% less than"), (51.0, "50\xa0% more than")])
def test_the_sentence_sets_the_error_against_the_mean_thickness(error: float, words: str) -> None:
    assert words in anatomy_of(anatomy(error, 0.0)).sentences[-1]


def test_numbers_that_are_not_defined_are_dashes() -> None:
    told = anatomy(24.0, 1.0)
    undefined = ("sd", "lower_limit", "upper_limit", "calibration_slope", "response_slope", "skill")
    told["zones"]["central"] |= dict.fromkeys(undefined)
    found = anatomy_of(told)
    line = found.zones[0]
    assert {line.limits, line.calibration_slope, line.response_slope, line.skill} == {"–"}
    assert found.sentences[-1] == "The mean absolute error is 24.0 µm."


def test_detection_shows_counts_shares_and_intervals() -> None:
    found = anatomy_of(anatomy(24.0, 1.0)).detection
    assert found is not None
    thick, thin = found.lines
    assert (thick.drawn_thick, thick.drawn_thin, thick.share) == ("4", "2", "4 of 6, 66.7\xa0%")
    assert (thin.drawn_thick, thin.drawn_thin, thin.interval) == ("3", "15", "[61, 94]")
    assert found.failed == "1\xa0eye without a drawn thickness counted as a wrong answer."


def test_a_split_without_a_thickened_eye_has_no_sensitivity() -> None:
    told = anatomy(24.0, 1.0)
    told["detection"]["sensitivity"] = {"hits": 0, "n": 0, "value": None, "low": None, "high": None}
    found = anatomy_of(told).detection
    assert found is not None
    assert (found.lines[0].share, found.lines[0].interval) == ("no such eye", "")


def test_anatomy_that_could_not_be_measured_says_why() -> None:
    nothing = {"zones": None, "detection": None, "missing_bscans": None}
    found = anatomy_of(anatomy(24.0, 1.0) | nothing | {"reason": "no truth"})
    assert (found.reason, found.zones, found.drawing, found.detection, found.missing_bscans) == (
        "no truth",
        (),
        None,
        None,
        "",
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("speckle_contrast_ratio", 0.5, "blurred"),
        ("fine_power_ratio", 0.8, "as real"),
        ("fine_power_ratio", 1.25, "as real"),
        ("fine_power_ratio", 1.3, "too grainy"),
        ("radial_disagreement_ratio", 0.4, "smoother than real"),
        ("radial_disagreement_ratio", 28.0, "lines disagree"),
    ],
)
def test_a_ratio_is_told_in_words(name: str, value: float, words: str) -> None:
    assert verdict(value, RATIOS[name]) == words


def test_a_ratio_that_is_null_is_named_and_not_drawn() -> None:
    found = view_texture({"texture": {"speckle_contrast_ratio": 0.9, "fine_power_ratio": None}})
    assert found is not None
    assert found.drawing is not None
    assert [row.label for row in found.drawing.rows] == ["Strength of the speckle"]
    assert found.unknown == ("Power of fine detail", "Disagreement of the six lines")


@pytest.mark.parametrize(
    ("gap", "answer"), [(20.0, "Yes"), (5.0, "Not shown"), (0.0, "Not shown"), (-20.0, "It seems")]
)
def test_the_use_of_the_photograph_is_answered_from_the_interval(gap: float, answer: str) -> None:
    found = view_photograph({"controls": controls(gap)})
    assert found is not None
    assert found.verdict.startswith(answer)


def test_gaps_of_one_unit_share_an_axis_and_old_records_have_fewer() -> None:
    told = controls(20.0)
    found = view_photograph({"controls": told})
    assert found is not None
    assert [len(drawn.rows) for drawn in found.drawings] == [3, 1]
    for name in ("ssim", "central_same_disease"):
        del told["photograph_gap"][name]
    old = view_photograph({"controls": told})
    assert old is not None
    assert [len(drawn.rows) for drawn in old.drawings] == [2]


def test_a_gap_that_is_exactly_zero_is_drawn_in_the_middle() -> None:
    told = controls(0.0)
    for name in told["photograph_gap"]:
        told["photograph_gap"][name]["gap"] |= {"low": 0.0, "high": 0.0}
    found = view_photograph({"controls": told})
    assert found is not None
    assert 'cx="50.00%"' in found.drawings[0].rows[0].drawing


def test_a_gap_without_a_value_says_why() -> None:
    told = controls(20.0)
    told["photograph_gap"]["central"] |= {"gap": None, "reason": "needs at least 10 patients"}
    found = view_photograph({"controls": told})
    assert found is not None
    assert found.verdict == "Not assessed: needs at least 10 patients."
    assert found.unknown[0][1] == "needs at least 10 patients"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"flagged": 0, "exact_copies": 0}, "No volume lies so near"),
        ({"flagged": 7, "exact_copies": 2}, "7 of 24 volumes lie so near"),
        ({"flagged": 1, "exact_copies": 0}, "1 of 24 volumes lies so near"),
        ({"flagged": None, "exact_copies": None, "reason": "no training eyes"}, "Not assessed: no training eyes."),
    ],
)
def test_memorisation_is_answered_in_a_sentence(found: dict[str, Any], words: str) -> None:
    told = controls(20.0)
    told["memorisation"] |= found
    view = view_memorisation({"controls": told})
    assert view is not None
    assert view.verdict.startswith(words)


def entry_of(result: dict[str, Any]) -> Entry:
    told = result["entry"]
    submission = Submission(team=told["team"], method=told["method"], kind=told["kind"])
    return Entry(submission=submission, records=(Record(name="0001-00000000", result=result),))


@pytest.fixture
def full(result: MakeResult) -> dict[str, Any]:
    """A record with every metric of the catalogue."""
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    return complete(result("a", 214.6, spread=18.0, cards=three), catalogue.CARDS)


def test_every_metric_of_the_catalogue_stands_in_its_role(full: dict[str, Any]) -> None:
    entry = entry_of(full)
    (board,) = make_boards([entry], cards=catalogue.CARDS, ranking_metric="fvd")
    values = view_values(entry, board)
    shown = {card.name: group.role for group in values.groups for _, cards in group.families for card in cards}
    assert shown == {card.name: card.role for card in catalogue.CARDS}
    assert [group.role for group in values.groups] == ["headline", "supporting", "diagnostic"]


def test_a_metric_without_weights_shows_the_reason_and_no_interval(full: dict[str, Any]) -> None:
    entry = entry_of(full)
    (board,) = make_boards([entry], cards=catalogue.CARDS, ranking_metric="fvd")
    line = view_values(entry, board).lines["lpips"]
    assert (line.cell.value, line.mark) == ("–", "")
    assert line.cell.reason == "weights lpips-alex are not installed: run `bench weights install lpips-alex`"


def test_intervals_of_one_kind_share_one_note(full: dict[str, Any]) -> None:
    entry = entry_of(full)
    (board,) = make_boards([entry], cards=catalogue.CARDS, ranking_metric="fvd")
    values = view_values(entry, board)
    assert values.lines["kvd"].mark == values.lines["recall"].mark != values.lines["ms_ssim"].mark
    assert dict(values.notes)[values.lines["kvd"].mark].endswith(
        "expected value at this number of patients, not its value for infinitely many"
    )


def test_what_other_real_eyes_score_stands_beside_every_set_metric(full: dict[str, Any], result: MakeResult) -> None:
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    real = result("real-vs-real", 205.0, kind="oracle", team="oracle", cards=three)
    entries = [entry_of(full), entry_of(complete(real, catalogue.CARDS, draws=50))]
    (board,) = make_boards(entries, cards=catalogue.CARDS, ranking_metric="fvd")
    lines = view_values(entries[0], board).lines
    assert lines["fvd"].real_eyes == "209.1 [190.7, 229.6]"
    assert lines["kvd"].real_eyes
    assert lines["ssim"].real_eyes == lines["fid"].real_eyes == ""


def test_views_leave_the_record_as_it_is(full: dict[str, Any]) -> None:
    before = copy.deepcopy(full)
    for view in (view_anatomy, view_texture, view_photograph, view_memorisation):
        view(full)
    assert full == before
