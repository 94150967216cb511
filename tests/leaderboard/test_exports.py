"""What leaves the site: JSON, CSV, LaTeX, BibTeX and the report, with strangers' words in them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from made_comparisons import compared, file_comparisons, with_matched

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard import export_text
from fundus2oct.leaderboard.bias_report import TO_ADD, bias_report
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_data import SCHEMA_NAME, board_document, board_json
from fundus2oct.leaderboard.board_table import board_bibtex, board_csv, board_latex
from fundus2oct.leaderboard.exports import EXPORTS
from fundus2oct.metrics.errors import ExitCode

MakeResult = Callable[..., dict[str, Any]]
Boards = Callable[..., tuple[Board, ...]]

HOSTILE = (
    "a\nb\r\nc",
    "x\\ \\input{/etc/passwd} \\\\",
    "}{}}{{",
    '=HYPERLINK("https://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u2028\u2029line",
    "\u202eright to left\u202c",
    "50 % & #1 $x^2$ ~_| [x](javascript:1) <b>",
    "\t-1",
    "| a | b |\n|---|---|",
    "`rm -rf` ![](https://evil.example/x.png)",
    "שלום 網膜",
)


def hostile_board(boards: Boards, result: MakeResult, text: str) -> Board:
    """A board in which a stranger wrote ``text`` wherever the schema lets them."""
    row = result("a", 1.5, title=text, description=text, eligible=False, reasons=[text], flags=[text])
    row["entry"]["licence"] = row["entry"]["external_data"] = text
    row["dataset"]["title"] = row["dataset"]["description"] = row["protocol"]["failure_policy"] = text
    row["metrics"]["ssim"] |= {"value": None, "reason": text, "uncertainty": None}
    (board,) = boards(row)
    return board


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_the_csv_file_starts_a_formula(boards: Boards, result: MakeResult, text: str) -> None:
    board = hostile_board(boards, result, text)
    rows = list(csv.reader(io.StringIO(board_csv(board))))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == 2
    assert [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert not any("\n" in cell or "\u2028" in cell or "\u202e" in cell for cell in rows[1])


def test_numbers_of_the_csv_file_are_the_records_and_negative_ones_stay_numbers(
    boards: Boards, result: MakeResult
) -> None:
    (board,) = boards(result("a", 3.25, ssim=-0.123456789012345, spread=1.0), result("b", 2.0))
    first, second = csv.DictReader(io.StringIO(board_csv(board)))
    assert (first["method"], second["method"]) == ("b", "a")
    assert float(second["ssim"]) == -0.123456789012345
    assert second["ssim"].startswith("-0.1")
    assert (second["fvd_low"], second["fvd_high"], first["fvd_low"]) == ("2.25", "4.25", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_holds_no_command_of_a_stranger(boards: Boards, result: MakeResult, text: str) -> None:
    told = board_latex(hostile_board(boards, result, text))
    plain = board_latex(hostile_board(boards, result, "plain"))
    assert told.count("\n") == plain.count("\n")
    # What is left once our own commands are taken out may hold nothing that LaTeX reads as anything but a letter.
    for line in told.splitlines()[2:]:
        rest = re.sub(r"\\([#$%&_{}\\]|[a-zA-Z]+(\{(tabular|table|rlrrr)\})?)", "", line)
        rest = rest.replace("$$", "").replace(" & ", " ")
        assert not set(rest) & set("#$%&_^\\"), line
        assert not set(rest) - set("{}~") & set("<>|~^"), line
    assert told.replace("\\{", "").replace("\\}", "").count("{") == told.replace("\\{", "").replace("\\}", "").count(
        "}"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_bibtex_entries_close_where_we_close_them(boards: Boards, result: MakeResult, text: str) -> None:
    told = board_bibtex(hostile_board(boards, result, text), text)
    depth, deepest, entries = 0, 0, 0
    for character in told:  # BibTeX counts braces whether or not a backslash stands before them
        depth += {"{": 1, "}": -1}.get(character, 0)
        deepest = max(deepest, depth)
        entries += character == "}" and depth == 0
        assert depth >= 0
    assert (depth, entries, deepest <= 4) == (0, 1, True)
    assert told.count("\n@") + told.startswith("@") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_the_report_holds_no_mark_up_of_a_stranger(boards: Boards, result: MakeResult, text: str) -> None:
    told, plain = (
        re.sub(r"\\[!-/:-@\[-`{-~]", "", bias_report(hostile_board(boards, result, words), words))
        for words in (text, "plain")
    )  # without what a backslash makes plain
    assert told.count("\n") == plain.count("\n")
    assert [told.count(mark) for mark in "`*[]<>|!"] == [plain.count(mark) for mark in "`*[]<>|!"]
    assert "://evil" not in told


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_ascii_in_one_line_and_gives_the_words_back(boards: Boards, result: MakeResult, text: str) -> None:
    told = board_json(hostile_board(boards, result, text), "site")
    assert told.isascii()
    assert told.count("\n") == 1
    assert json.loads(told)["entries"][0]["method"] == "a"


def test_the_document_obeys_its_schema_and_holds_what_the_board_shows(
    boards: Boards, demo_results: list[dict[str, Any]]
) -> None:
    (board,) = boards(*demo_results)
    document = board_document(board, "site")
    schema = json.loads(resources.files("fundus2oct.leaderboard").joinpath("board_data.schema.json").read_text("utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    assert document["schema"] == SCHEMA_NAME
    entries = document["entries"]
    assert [entry["method"] for entry in entries] == [row.entry.submission.method for row in board.rows]
    best = next(entry for entry in entries if entry["rank"] == 1)
    assert (best["method"], best["metrics"]["fvd"]["value"]) == ("latent-diffusion", 214.6)
    refused = next(entry for entry in entries if entry["method"] == "memory")
    assert (refused["standing"], refused["rank"]) == ("not ranked", None)
    assert refused["reasons"] == list(next(r for r in board.rows if r.entry.submission.method == "memory").reasons)


def test_the_schema_refuses_a_document_without_its_entries() -> None:
    schema = json.loads(resources.files("fundus2oct.leaderboard").joinpath("board_data.schema.json").read_text("utf-8"))
    assert list(Draft202012Validator(schema).iter_errors({"schema": SCHEMA_NAME, "schema_version": 1}))


def test_the_report_tells_rank_intervals_and_tiers_where_pairs_were_compared(
    tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    results = with_matched([result("a", 100.0, eligible=True), result("b", 300.0, eligible=True)])
    for record in results:
        publish_result(record, tmp_path)
    file_comparisons(tmp_path, compared(results))
    assert export(tmp_path, "bias-report") == ExitCode.OK
    told = capsys.readouterr().out
    assert "| 1 | 1–1 | 1 | a | submission | 100.0 |" in told
    assert "| 2 | 2–2 | 2 | b | submission | 300.0 |" in told
    assert "single-step max-t" in told


def test_what_the_organisers_must_add_is_marked_and_listed_again(boards: Boards, result: MakeResult) -> None:
    (board,) = boards(result("a", 1.0))
    told = bias_report(board, "site")
    body, left_open = told.split("## Still to add by hand")
    marked = [line.split(TO_ADD)[1].strip() for line in body.splitlines() if line.startswith("- ") and TO_ADD in line]
    assert len(marked) > 15
    assert re.findall(r"^- \[ \] (.*)$", left_open, flags=re.M) == marked


def export(results: Path, wanted: str, *options: str) -> int:
    return cli.run(["export", str(results), "--format", wanted, *options])


@pytest.mark.parametrize("wanted", EXPORTS, ids=lambda wanted: wanted.format)
def test_export_writes_the_bytes_of_the_sites_download(
    wanted: Any, tmp_path: Path, full_site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (download,) = full_site.glob(f"boards/*/{wanted.file_name}")
    assert export(full_site.parent / "results", wanted.format, "--out", str(tmp_path / "out")) == ExitCode.OK
    assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
    assert (tmp_path / "out").read_bytes() == download.read_bytes()
    assert f'href="boards/{download.parent.name}/{wanted.file_name}"' in (full_site / "index.html").read_text("utf-8")


def test_several_boards_are_told_apart_by_slug(
    tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("test", "other"):
        publish_result(result(f"in-{split}", 1.0, split=split, truth=split), tmp_path)
    assert export(tmp_path, "csv") == ExitCode.USAGE
    line = capsys.readouterr().err
    assert line.startswith("E_BOARD: the results fall into several boards")
    slug = re.findall(r"phantom-mini-1\.0-other-demo-[0-9a-f]{8}", line)[0]
    assert export(tmp_path, "csv", "--board", slug) == ExitCode.OK
    assert "in-other" in capsys.readouterr().out
    assert export(tmp_path, "csv", "--board", "nowhere") == ExitCode.USAGE
    assert "E_BOARD: no such board" in capsys.readouterr().err


def test_examples_hold() -> None:
    import doctest

    found = doctest.testmod(export_text)
    assert (found.attempted > 0, found.failed) == (True, 0)
