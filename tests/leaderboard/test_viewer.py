"""The viewer's page and the pictures of an entry's page: what stands in them, and which pictures a board refuses."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from shown_pictures import FAILED, Shown

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.filing_date import note_filing
from fundus2oct.benchmark.pictures_file import COLUMN_STEP
from fundus2oct.benchmark.result_file import publish_result, read_result
from fundus2oct.leaderboard.board_pictures import pictures_of, read_entry_pictures
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site, read_boards
from fundus2oct.leaderboard.surface_drawing import draw_surfaces
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError, ExitCode


@pytest.fixture
def copy(shown: Shown, tmp_path: Path) -> Shown:
    """The same in a folder that a test may change."""
    shutil.copytree(shown.root, tmp_path / "copy")
    return Shown(shown.dataset, tmp_path / "copy")


def build(shown: Shown, out: Path) -> Path:
    build_site(shown.results, out, cards=catalogue.CARDS, ranking_metric=catalogue.RANKING_METRIC)
    return out


def viewer_text(site: Path) -> str:
    return next(site.glob("boards/*/viewer.html")).read_text("utf-8")


def entry_text(site: Path, method: str) -> str:
    return next(site.glob(f"boards/*/entries/team/{method}.html")).read_text("utf-8")


def file_again(shown: Shown, method: str, **changes: dict[str, Any]) -> None:
    """File another record of an entry that differs in parts of the last one."""
    result = read_result(next((shown.results / "team" / method / "results" / "toy-1" / "test").glob("0001-*.json")))
    for part, values in changes.items():
        result[part] |= values
    publish_result(result, shown.results)


class Tags(HTMLParser):
    """Every opening tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.found if t == tag and all(a.get(name) == value for name, value in wanted.items())]


def test_the_page_tells_its_script_of_every_eye(shown: Shown) -> None:
    options = [o for o in Tags(viewer_text(shown.root / "site")).all("option") if "data-lines" in o]
    eyes = json.loads((shown.folder / "pictures.json").read_text("utf-8"))["eyes"]
    assert [option["value"] for option in options] == [eye["id"] for eye in eyes]
    for option, eye in zip(options, eyes, strict=True):
        numbers = [float(number) for number in str(option["data-lines"]).split()]
        assert numbers == [number for line in eye["scan"]["lines"] for number in line]
        assert len(str(option["data-central"]).split()) == len(str(option["data-values"]).split()) == 3
    assert [option["data-missing"] for option in options] == ["", "1", ""]


def test_every_picture_of_a_page_is_a_file_of_the_site(shown: Shown) -> None:
    site = shown.root / "site"
    pages = [*site.glob("boards/*/viewer.html"), *site.glob("boards/*/entries/*/*.html")]
    named = [
        (page, str(image["src"]))
        for page in pages
        for image in Tags(page.read_text("utf-8")).all("img")
        if "src" in image
    ]
    assert len(named) > 8
    assert not [source for page, source in named if not (page.parent / source).resolve().is_file()]


def test_pictures_say_what_they_are_and_keep_their_place(shown: Shown) -> None:
    images = [i for i in Tags(viewer_text(shown.root / "site")).all("img") if "src" in i]
    assert all(image["alt"] and image["width"] and image["height"] for image in images)
    assert all(image["loading"] == "lazy" for image in images)


def test_without_a_script_the_first_eye_and_every_entry_are_there(shown: Shown) -> None:
    plain = viewer_text(shown.root / "site").split('<section class="plain"')[1]
    for words in ("Fundus photograph of Eye 1", "Truth: horizontal B-scan", "blur: the same B-scan", "SSIM 0.5000"):
        assert words in plain
    assert 'entries/team/other.html">other</a>' in plain


def test_an_eye_in_which_an_entry_failed_says_so(copy: Shown) -> None:
    path = copy.folder / "pictures.json"
    document = json.loads(path.read_text("utf-8"))
    document["eyes"] = [document["eyes"][FAILED], *(e for i, e in enumerate(document["eyes"]) if i != FAILED)]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert "Failed in this eye" in viewer_text(build(copy, copy.root / "site"))


def test_an_entry_shows_its_best_middle_and_worst_eye(shown: Shown) -> None:
    text = entry_text(shown.root / "site", "other")
    told = re.findall(r"<figcaption><b>(\w+)</b> SSIM ([\d.]+)", text)
    assert told == [("Best", "0.7500"), ("Middle", "0.5000"), ("Worst", "0.2500")]
    assert 'viewer.html#eye=eye-03&amp;bscan=4&amp;a=team/other"' in text


def test_where_no_value_is_disclosed_the_entry_links_to_the_viewer_alone(copy: Shown) -> None:
    assert copy.make() == ExitCode.OK
    text = entry_text(build(copy, copy.root / "site"), "other")
    assert "<b>Best</b>" not in text
    assert "Values per eye are not disclosed" in text
    assert 'viewer.html#eye=eye-01&amp;bscan=4&amp;a=team/other"' in text


def test_without_pictures_there_is_no_viewer_and_no_link_to_one(copy: Shown) -> None:
    shutil.rmtree(copy.results / "pictures")
    site = build(copy, copy.root / "site")
    assert not list(site.glob("boards/*/viewer.html"))
    assert not [page for page in site.rglob("*.html") if "viewer" in page.read_text("utf-8")]


def test_nothing_private_is_in_the_site(shown: Shown) -> None:
    names = {name for case in shown.dataset.cases for name in (case.case_id, case.source_id, case.patient_id)}
    files = [path for path in (shown.root / "site").rglob("*") if path.is_file()]
    assert not [
        (name, path) for path in files for name in names if name in str(path) or name.encode() in path.read_bytes()
    ]


def test_equal_pictures_give_equal_bytes(shown: Shown, tmp_path: Path) -> None:
    again = build(shown, tmp_path / "again")
    paths = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert any(path.suffix == ".svg" and "surfaces" in path.parts for path in paths)
    assert all((again / path).read_bytes() == (shown.root / "site" / path).read_bytes() for path in paths)


def test_a_half_made_folder_of_pictures_is_passed_over(copy: Shown) -> None:
    (copy.folder.with_name(".making-test") / "eye-01").mkdir(parents=True)
    assert viewer_text(build(copy, copy.root / "site"))


def test_pictures_of_other_volumes_than_the_record_are_refused(copy: Shown) -> None:
    file_again(copy, "blur", run={"volumes_hash": "3" * 64})
    with pytest.raises(BenchError, match=r"E_PICTURES: pictures of other volumes than the record of team/blur"):
        build(copy, copy.root / "site")


def test_pictures_of_eyes_that_a_phase_keeps_hidden_are_refused(copy: Shown) -> None:
    file_again(copy, "blur", dataset={"pictures_may_be_published": False})
    with pytest.raises(BenchError, match=r"E_LICENCE: a record of these eyes does not allow pictures .*team/blur"):
        build(copy, copy.root / "site")


def test_pictures_of_another_truth_are_refused(copy: Shown) -> None:
    path = copy.folder / "pictures.json"
    document = json.loads(path.read_text("utf-8"))
    document["dataset"]["truth_hash"] = "4" * 64
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BenchError, match="E_PICTURES: pictures of a truth that no record was made on"):
        build(copy, copy.root / "site")


def test_an_earlier_board_has_the_pictures_of_its_own_entries_alone(copy: Shown) -> None:
    for method, day in (("other", date(2026, 3, 1)), ("blur", date(2026, 4, 1))):
        note_filing(
            next((copy.results / "team" / method / "results" / "toy-1" / "test").glob("0001-????????.json")), day
        )
    cards, out = catalogue.CARDS, copy.root / "then"
    build_site(copy.results, out, cards=cards, ranking_metric=catalogue.RANKING_METRIC, as_of=date(2026, 3, 1))
    pictures = {path.name for path in (out / "pictures").rglob("*") if path.is_file()}
    assert pictures == {"photograph.webp", "truth.webp", "truth.svg", "other.webp", "other.svg"}
    assert "team/blur" not in viewer_text(out)


def test_the_build_tells_the_bytes_of_its_pictures(
    shown: Shown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["leaderboard", "build", str(shown.results), "--out", str(tmp_path / "site")]) == ExitCode.OK
    size = sum(path.stat().st_size for path in (tmp_path / "site" / "pictures").rglob("*.*"))
    assert f"{size / 1e6:.1f} MB of pictures; next:" in capsys.readouterr().err


def test_two_entries_have_one_address_in_the_viewer(shown: Shown) -> None:
    boards = read_boards(shown.results, cards=catalogue.CARDS, ranking_metric=catalogue.RANKING_METRIC)
    pictures = pictures_of(boards[0], read_entry_pictures(shown.results, read_entries(shown.results)))
    assert pictures is not None
    assert pictures.link(*boards[0].rows) == "viewer.html#eye=eye-01&bscan=4&a=team/blur&b=team/other"
    assert pictures.link(replace(boards[0].rows[0])) == ""


def test_a_hostile_title_stays_text(copy: Shown) -> None:
    table = copy.results / "team" / "blur" / "submission.toml"
    title = '</option><script>alert(1)</script>" onload="x'
    table.write_text(f"team = 'team'\nmethod = 'blur'\nkind = 'submission'\ntitle = '{title}'\n", encoding="utf-8")
    tags = Tags(viewer_text(build(copy, copy.root / "site")))
    assert [script["src"] for script in tags.all("script")] == ["../../assets/viewer.js"]
    assert not [tag for tag, attributes in tags.found if any(name.startswith("on") for name in attributes)]


def test_the_surfaces_are_drawn_where_the_numbers_say(shown: Shown) -> None:
    volume = json.loads((shown.folder / "pictures.json").read_text("utf-8"))["eyes"][0]["truth"]
    row = " ".join(["10"] * 50 + ["-"] + ["20.5"] * 61)
    drawn = draw_surfaces(volume | {"ilm": [row] * 6})
    assert "M0.5 10.5" in drawn
    assert f"M{51 * COLUMN_STEP + 0.5:g} 21" in drawn
    assert f"M0.5 {5 * 320 + 10.5:g}" in drawn
    assert len(drawn) < 12_000
