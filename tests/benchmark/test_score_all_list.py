"""Which folders count as handed in, and which share takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin_folders import write_plugin

from fundus2oct.benchmark.score_all_list import find_submissions
from fundus2oct.benchmark.shard import Shard, read_shard
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.metrics.errors import BenchError, BenchErrors


def names(root: Path, shard: Shard | None = None) -> list[str]:
    return [one.name for one in find_submissions(root, shard)]


def test_submissions_are_found_at_any_depth_and_sorted(tmp_path: Path) -> None:
    write_plugin(tmp_path / "b", method="b")
    write_plugin(tmp_path / "2026/team/a", method="a")
    write_submission(tmp_path / "team/c", Submission(team="toy", method="c"))
    (tmp_path / "team/c/images").mkdir()
    assert names(tmp_path) == ["toy/a", "toy/b", "toy/c"]


def test_folders_of_records_alone_are_left_out(tmp_path: Path) -> None:
    write_plugin(tmp_path / "code", method="code")
    write_submission(tmp_path / "records", Submission(team="toy", method="records", generator="a:b"))
    (tmp_path / "records/results").mkdir()
    (tmp_path / "records/status.toml").touch()
    assert names(tmp_path) == ["toy/code"]


def test_a_hidden_folder_and_a_link_are_not_searched(tmp_path: Path) -> None:
    write_plugin(tmp_path / "root/a", method="a")
    write_plugin(tmp_path / "root/.old/b", method="b")
    write_plugin(tmp_path / "elsewhere/c", method="c")
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "root") == ["toy/a"]


def test_a_broken_description_is_listed_with_its_error(tmp_path: Path) -> None:
    write_plugin(tmp_path / "good", method="good")
    write_plugin(tmp_path / "bad").joinpath("submission.toml").write_text("team = ")
    bad, good = find_submissions(tmp_path)
    assert (bad.name, good.name, good.error) == ("bad", "toy/good", None)
    assert bad.error is not None
    assert bad.error.code == "E_MANIFEST"


def test_two_folders_of_one_name_are_refused_before_anything_runs(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_plugin(tmp_path / folder)
    with pytest.raises(BenchError, match="E_DUPLICATE: two submissions are called toy/plugin"):
        find_submissions(tmp_path)
    write_plugin(tmp_path / "c")
    with pytest.raises(BenchErrors, match="E_MANY: 2 problems"):
        find_submissions(tmp_path)


@pytest.mark.parametrize(("folder", "code"), [("nowhere", "E_MISSING"), ("empty", "E_EMPTY")])
def test_nothing_to_score_is_an_error(tmp_path: Path, folder: str, code: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match=code):
        find_submissions(tmp_path / folder)


def test_shards_share_out_the_teams_whole(tmp_path: Path) -> None:
    for team in ("ito", "sato", "mori", "abe"):
        for method in ("one", "two"):
            write_plugin(tmp_path / team / method, team=team, method=method)
    shares = [names(tmp_path, Shard(i, 3)) for i in (1, 2, 3)]
    assert sorted(name for share in shares for name in share) == names(tmp_path)
    teams = [{name.split("/")[0] for name in share} for share in shares]
    assert sum(map(len, teams)) == 4


@given(st.sets(st.text(min_size=1)), st.integers(1, 9))
def test_every_name_falls_to_one_share(found: set[str], count: int) -> None:
    assert all(sum(Shard(i + 1, count).takes(name) for i in range(count)) == 1 for name in found)


def test_shares_of_many_names_are_about_equal() -> None:
    counts = [sum(Shard(i, 4).takes(f"case-{n:04d}") for n in range(2000)) for i in (1, 2, 3, 4)]
    assert sum(counts) == 2000
    assert min(counts) > 430


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "/", "a/b", "1/2/3", "-1/2", "1/2 ", "١/٢"])
def test_a_bad_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not i/N"):
        read_shard(text)


def test_a_share_is_read_and_named() -> None:
    assert (read_shard("2/14"), str(read_shard("2/14"))) == (Shard(2, 14), "2/14")
    assert Shard(2, 14).folder_name == "002-of-014"
