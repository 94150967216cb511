"""Reading the tree of results: what is refused, and how the refusal names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from full_records import complete

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

MakeResult = Callable[..., dict]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_RESULTS: no such folder of results .*nowhere.* fix: run `bench score`"):
        read_entries(tmp_path / "nowhere")


def test_a_tree_without_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "team" / "method").mkdir(parents=True)
    with pytest.raises(BenchError, match="E_RESULTS: no result found"):
        read_entries(tmp_path)


def test_a_record_of_a_newer_version_is_refused(tmp_path: Path, result: MakeResult) -> None:
    path = publish_result(result("a", 1.0), tmp_path)
    path.write_text(json.dumps(result("a", 1.0) | {"schema_version": 99}))
    with pytest.raises(BenchError, match="E_VERSION"):
        read_entries(tmp_path)


def test_every_bad_file_is_named_at_once(tmp_path: Path, result: MakeResult) -> None:
    broken = publish_result(result("a", 1.0), tmp_path)
    broken.write_text("{not json")
    unknown = publish_result(result("b", 1.0), tmp_path).with_name("notes.json")
    unknown.write_text("{}")
    with pytest.raises(BenchErrors) as raised:
        read_entries(tmp_path)
    assert [problem.code for problem in raised.value.problems] == ["E_FORMAT", "E_RECORD"]
    assert [problem.where for problem in raised.value.problems] == [str(broken), str(unknown)]


def test_hidden_files_among_the_records_do_not_matter(tmp_path: Path, result: MakeResult) -> None:
    path = publish_result(result("a", 1.0), tmp_path)
    path.with_name(".DS_Store").write_bytes(b"\0")
    assert len(read_entries(tmp_path)) == 1


def test_a_record_taken_out_of_the_history_is_missed(tmp_path: Path, result: MakeResult) -> None:
    paths = [publish_result(result("a", value), tmp_path) for value in (3.0, 2.0, 1.0)]
    assert len(read_entries(tmp_path)[0].records) == 3
    paths[1].unlink()
    with pytest.raises(BenchError, match=r"E_RECORD: a record was removed .* found: none with number 0002"):
        read_entries(tmp_path)


def test_what_replaces_a_record_must_name_one_that_is_there(tmp_path: Path, result: MakeResult) -> None:
    first = publish_result(result("a", 3.0), tmp_path)
    replaced = {"record": first.stem, "sha256": sha256_file(first), "reason": "a metric was mended"}
    publish_result(result("a", 2.0) | {"supersedes": replaced}, tmp_path)
    assert len(read_entries(tmp_path)[0].records) == 2
    publish_result(result("a", 1.0) | {"supersedes": replaced | {"sha256": "0" * 64}}, tmp_path)
    with pytest.raises(BenchError, match="E_RECORD: the record that it replaces is not there as it was"):
        read_entries(tmp_path)


def test_a_record_changed_after_it_was_filed_is_refused(tmp_path: Path, result: MakeResult) -> None:
    path = publish_result(result("a", 500.0), tmp_path)
    path.write_text(path.read_text("utf-8").replace("500.0", "5.0"))
    with pytest.raises(BenchError, match="E_RECORD: the record was changed after it was filed"):
        read_entries(tmp_path)


def test_a_record_in_a_strange_place_is_refused(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path)
    (tmp_path / "team-a").rename(tmp_path / "team-b")
    with pytest.raises(BenchError, match="E_RECORD: the record belongs elsewhere"):
        read_entries(tmp_path)


@pytest.mark.parametrize("value", [10**400, -(10**16)], ids=["beyond-floats", "absurd"])
def test_an_impossible_number_is_refused(tmp_path: Path, result: MakeResult, value: int) -> None:
    strange = result("a", 1.0)
    strange["metrics"]["fvd"]["value"] = value
    publish_result(strange, tmp_path)
    with pytest.raises(BenchError, match="E_SCHEMA: impossible number"):
        read_entries(tmp_path)


@pytest.mark.parametrize("place", ["anatomy", "texture", "controls", "reference"])
def test_an_impossible_number_in_any_part_is_refused(tmp_path: Path, result: MakeResult, place: str) -> None:
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    strange = complete(result("a", 1.0, cards=three), catalogue.CARDS, draws=50)
    parts = {
        "anatomy": (strange["anatomy"]["zones"]["outer"], "upper_limit"),
        "texture": (strange["texture"], "fine_power_ratio"),
        "controls": (strange["controls"]["photograph_gap"]["grid"]["gap"], "high"),
        "reference": (strange["metrics"]["kvd"]["reference"], "mean"),
    }
    table, key = parts[place]
    table[key] = 1e300
    publish_result(strange, tmp_path)
    with pytest.raises(BenchError, match="E_SCHEMA: impossible number"):
        read_entries(tmp_path)


def test_the_submission_file_tells_readers_what_the_record_does_not(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0, title="Old title"), tmp_path)
    write_submission(tmp_path / "team-a" / "a", Submission(team="team-a", method="a", title="New title"))
    (entry,) = read_entries(tmp_path)
    assert entry.title == "New title"


def test_the_submission_file_cannot_change_the_kind_after_scoring(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0, kind="trivial"), tmp_path)
    write_submission(tmp_path / "team-a" / "a", Submission(team="team-a", method="a", kind="submission"))
    with pytest.raises(BenchError, match="E_MANIFEST: team, method or kind differ"):
        read_entries(tmp_path)


def test_unsafe_links_of_a_record_are_dropped(tmp_path: Path, result: MakeResult) -> None:
    links = ["https://example.org/paper", "javascript:alert(1)", "http://example.org", "https://good@evil.org"]
    publish_result(result("a", 1.0, links=links), tmp_path)
    (entry,) = read_entries(tmp_path)
    assert entry.submission.links == ("https://example.org/paper",)


def test_characters_that_lie_to_a_reader_are_shown_as_such(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0, title="a\u202eb\u200bc"), tmp_path)
    (entry,) = read_entries(tmp_path)
    assert entry.title == "a\ufffdb\ufffdc"
