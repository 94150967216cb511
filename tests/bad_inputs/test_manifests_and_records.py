"""Bad names, manifests, checkpoints and records: strict readers, one line each, and nothing that was stored is deleted.

A key begins with the number of its row in the list of bad inputs (`test_list_is_complete`).
"""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_folders import write_plugin
from scored_folders import make_result
from small_dataset import small_cases, write_small_dataset

from fundus2oct.benchmark.case_table import cases_text
from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.result_file import publish_result, read_result, write_result
from fundus2oct.benchmark.submission_file import read_submission
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.leaderboard.board import make_boards
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError

MANIFEST = b'team = "kyoto"\nmethod = "flow"\n'

TOML: dict[str, tuple[bytes, str]] = {
    "48 NaN": (MANIFEST + b"tolerance_share = nan", "E_MANIFEST: key 'tolerance_share' .*found: nan"),
    "48 1e999": (MANIFEST + b"parameters = 1e999", "E_MANIFEST: key 'parameters' .*a whole number .*found: inf"),
    "48 a key twice": (MANIFEST + b'team = "other"', "E_MANIFEST: not valid TOML"),
    "48 100 000 brackets": (MANIFEST + b"links = " + b"[" * 100_000, "E_MANIFEST: not valid TOML"),
    "48 a byte order mark": (b"\xef\xbb\xbf" + MANIFEST, "E_MANIFEST: not valid TOML"),
    "48 not UTF-8": (MANIFEST + b'title = "\xff"', "E_MANIFEST: not valid TOML"),
    "49 a score of one's own": (MANIFEST + b"fvd = 1.0", "E_MANIFEST: key 'fvd' .*expected: one of team, method"),
}

JSON: dict[str, tuple[bytes, str]] = {
    "48 NaN in JSON": (b'{"schema_version": NaN}', "E_FORMAT: not strict JSON .*NaN is not allowed"),
    "48 a key twice in JSON": (b'{"a": 1, "a": 2}', "E_FORMAT: not strict JSON .*same key twice"),
    "48 100 000 brackets in JSON": (b"[" * 100_000, "E_FORMAT: not strict JSON"),
    "48 a byte order mark in JSON": (b"\xef\xbb\xbf{}", "E_FORMAT: not strict JSON"),
    "48 1e999 in JSON": (b'{"a": 1e999}', "E_FORMAT: not strict JSON"),
    "53 half written": (b'{"schema": "fundus2oct-result", ', "E_FORMAT: not strict JSON"),
    "53 of a newer schema": (b'{"schema_version": 99}', "E_VERSION: .*written by a newer version .*found: 99"),
}


@pytest.mark.parametrize("label", TOML)
def test_a_bad_manifest_is_refused_in_one_line(tmp_path: Path, label: str) -> None:
    data, words = TOML[label]
    (tmp_path / "submission.toml").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^{words}") as caught:
        read_submission(tmp_path)
    assert "submission.toml" in caught.value.line()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("label", JSON)
def test_a_bad_record_is_refused_and_left_where_it_is(tmp_path: Path, label: str) -> None:
    data, words = JSON[label]
    (tmp_path / "0001-00000000.json").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^{words}"):
        read_result(tmp_path / "0001-00000000.json")
    assert (tmp_path / "0001-00000000.json").read_bytes() == data


NAMES: dict[str, str] = {
    "37 another normal form": "cafe\u0301",
    "37 a trailing dot": "case.",
    "37 a trailing space": "case ",
    "37 CON": "CON",
    "37 a NUL": "case\0",
    "38 a slash": "a/b",
    "38 up": "..",
    "38 a newline": "case\nb",
    "38 300 characters": "a" * 300,
}


@pytest.mark.parametrize("label", NAMES)
def test_a_bad_case_id_is_refused_with_its_line_and_the_rule(tmp_path: Path, label: str) -> None:
    cases = small_cases()
    write_small_dataset(tmp_path, cases)
    text = cases_text(sorted(cases, key=lambda case: case.case_id))
    assert "\ncase-b," in text
    (tmp_path / "cases.csv").write_text(text.replace("\ncase-b,", f'\n"{NAMES[label]}",'), encoding="utf-8")
    with pytest.raises(BenchError, match=r"^E_NAME: bad case id .*cases\.csv:3 .*expected: \[a-z0-9\].*found: "):
        read_dataset(tmp_path)


WEIGHTS: dict[str, tuple[bytes | None, str]] = {
    "52 absent": (None, r"E_CHECKPOINT: weights are missing .*weights\.npy"),
    "52 another hash": (b"other", "E_CHECKPOINT: weights differ .*expected: [0-9a-f]{64} .*found: [0-9a-f]{64}"),
    "52 a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 9\n",
        "E_CHECKPOINT: a Git LFS pointer, not the weights .*git lfs pull",
    ),
}


@pytest.mark.parametrize("label", WEIGHTS)
def test_weights_that_are_not_what_the_submission_says_stop_it_before_anything_is_run(
    tmp_path: Path, label: str
) -> None:
    data, words = WEIGHTS[label]
    plugin = write_plugin(tmp_path / "plugin", top=f"open({str(tmp_path / 'ran')!r}, 'w')")
    with open(plugin / "submission.toml", "a") as file:
        file.write(f'[weights]\n"weights.npy" = "{hashlib.sha256(b"weights").hexdigest()}"\n')
    if data is not None:
        (plugin / "weights.npy").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^{words}") as caught:
        resolve(str(plugin))
    assert caught.value.exit_code == 3
    assert not (tmp_path / "ran").exists()


def test_53_a_damaged_value_is_set_aside_and_not_deleted(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path)
    cache.put(["key"], np.arange(3.0))
    (path,) = tmp_path.rglob("*.f64")
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert cache.get(["key"]) is None
    assert cache.set_aside == [path.with_suffix(".corrupt")]
    assert path.with_suffix(".corrupt").exists()


def record(value: float | None) -> dict[str, Any]:
    return make_result("flow", {"fvd": value, "ssim": 0.5, "psnr": 20.0}, "submission")


def test_54_a_score_of_nan_is_never_filed(tmp_path: Path) -> None:
    with pytest.raises((BenchError, ValueError)):
        write_result(tmp_path / "result.json", record(math.nan))
    assert not list(tmp_path.iterdir())


def test_54_a_value_that_could_not_be_computed_is_null_with_its_reason(tmp_path: Path) -> None:
    path = publish_result(record(None), tmp_path)
    metric = read_result(path)["metrics"]["fvd"]
    assert (metric["value"], metric["reason"]) == (None, "weights are missing")


def test_54_what_has_no_number_stands_below_every_number(tmp_path: Path) -> None:
    for method, value in (("a-null", None), ("b-bad", 9e9), ("c-good", 100.0)):
        publish_result(make_result(method, {"fvd": value, "ssim": 0.5, "psnr": 20.0}, "submission"), tmp_path)
    (board,) = make_boards(read_entries(tmp_path), cards=CARDS, ranking_metric="fvd")
    assert [row.entry.submission.method for row in board.rows] == ["c-good", "b-bad", "a-null"]
    assert re.search("weights are missing", " ".join(board.rows[-1].reasons))
