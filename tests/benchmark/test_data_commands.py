"""`bench data`: what goes to stdout and stderr, exit codes, and help whose examples parse."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from small_dataset import write_small_dataset

from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.data_commands import data
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.phantom import cohort
from fundus2oct.benchmark.phantom.cohort_plan import PROFILES

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_dataset(tmp_path_factory.mktemp("commands") / "small")


@pytest.fixture
def broken(clean: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(clean, tmp_path / "small")
    (folder / "fundus/case-a.png").write_text("text")
    (folder / "oct/case-b/case-b_0.png").unlink()
    return folder


def commands(group: click.Group = data, path: tuple[str, ...] = ("data",)) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_help_ends_in_examples_that_parse(name: str, command: click.Command) -> None:
    help_text, _, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    lines = [line.strip() for line in example.splitlines() if line.strip()]
    assert help_text.strip()
    assert lines
    for line in lines:
        parse(shlex.split(line))


def parse(words: list[str]) -> None:
    """Parse a command line of `bench data` without running it."""
    assert words[:2] == ["bench", "data"]
    command: click.Command = data
    rest = words[2:]
    while isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    command.make_context("example", rest)


def test_check_of_a_clean_folder_prints_table_and_hashes(clean: Path, capsys: Captured) -> None:
    assert run(["data", "check", str(clean)]) == 0
    dataset = read_dataset(clean)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert lines[1:5] == [
        ["split", "cases", "patients", "left", "right", "with", "truth"],
        ["train", "2", "1", "1", "1", "2"],
        ["test", "1", "1", "0", "1", "1"],
        ["val", "1", "1", "1", "0", "0"],
    ]
    assert lines[5:] == [["inputs", "hash", dataset.inputs_hash()], ["truth", "hash", dataset.truth_hash()]]


def test_check_of_a_broken_folder_tells_all_problems_and_exits_3(broken: Path, capsys: Captured) -> None:
    assert run(["data", "check", str(broken)]) == 3
    streams = capsys.readouterr()
    errors = [line for line in streams.err.splitlines() if line.startswith("E_")]
    assert streams.out == ""
    assert [line.split(":")[0] for line in errors] == ["E_FORMAT", "E_MISSING", "E_MANY"]
    assert errors[-1] == f"E_MANY: 2 problems found | where: {broken}"


def test_check_as_json_holds_the_hashes_or_the_problems(clean: Path, broken: Path, capsys: Captured) -> None:
    assert run(["data", "check", str(clean), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert run(["data", "check", str(broken), "--json"]) == 3
    bad = json.loads(capsys.readouterr().out)
    assert (good["inputs_hash"], good["problems"]) == (read_dataset(clean).inputs_hash(), [])
    assert good["splits"][0] == {"split": "train", "cases": 2, "patients": 1, "left": 1, "right": 1, "with_truth": 2}
    assert (bad["inputs_hash"], [problem["code"] for problem in bad["problems"]]) == (None, ["E_FORMAT", "E_MISSING"])


def test_quiet_check_says_nothing_on_stderr(clean: Path, capsys: Captured) -> None:
    assert run(["--quiet", "data", "check", str(clean)]) == 0
    assert capsys.readouterr().err == ""


def test_show_writes_a_sheet_of_a_case_and_prints_its_path(
    clean: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["data", "show", str(clean), "case-a"]) == 0
    assert capsys.readouterr().out == "case-a.png\n"
    assert np.asarray(Image.open(tmp_path / "case-a.png")).std() > 10


def test_show_finds_a_case_by_its_source_id(clean: Path, tmp_path: Path) -> None:
    assert run(["data", "show", str(clean), "case-a-00L", "--out", str(tmp_path / "a.png")]) == 0
    assert run(["data", "show", str(clean), "case-a", "--out", str(tmp_path / "b.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_show_without_case_writes_an_overview(clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["data", "show", str(clean), "--count", "2"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["small-overview.png"]


def test_show_of_an_unknown_case_names_one_that_exists(clean: Path, capsys: Captured) -> None:
    assert run(["data", "show", str(clean), "nobody"]) == 3
    expected = "expected: a case_id or source_id of cases.csv, such as case-a | found: nobody"
    assert capsys.readouterr().err.startswith(f"E_CASE: no such case | where: {clean} | {expected}")


@pytest.mark.parametrize("words", [["check"], ["show"], ["import", "aptos2024"]], ids=" ".join)
def test_folder_that_is_not_there_is_one_line_and_exit_3(words: list[str], tmp_path: Path, capsys: Captured) -> None:
    out = ["--out", str(tmp_path / "out")] if words[0] != "check" else []
    assert run(["data", *words, str(tmp_path / "nowhere"), *out]) == 3
    errors = capsys.readouterr().err
    assert re.match(r"E_MISSING: .* \| where: .*nowhere", errors)
    assert "Traceback" not in errors


def test_phantom_hands_its_options_on_and_tells_the_next_command(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, object]] = []
    accepted = inspect.signature(cohort.write_cohort)
    monkeypatch.setattr(cohort, "write_cohort", lambda *a, **k: calls.append(accepted.bind(*a, **k).arguments))
    out = tmp_path / "tiny"
    assert run(["data", "phantom", "--out", str(out), "--profile", "tiny", "--seed", "7", "--workers", "1"]) == 0
    streams = capsys.readouterr()
    assert (calls[0]["out"], calls[0]["profile"], calls[0]["seed"], calls[0]["workers"]) == (out, "tiny", 7, 1)
    assert streams.out == ""
    assert f"next: bench data check {out}" in streams.err


def test_profiles_on_offer_are_those_of_the_phantom() -> None:
    profile = next(option for option in data.commands["phantom"].params if option.name == "profile")
    assert set(profile.type.choices) == set(PROFILES)
    assert profile.help == "Size of the cohort: {}, {}, {} or {:,} eyes.".format(
        *(sum(s.values()) for s in PROFILES.values())
    )


def test_check_of_a_phantom_is_clean(tiny_phantom: Dataset, capsys: Captured) -> None:
    assert run(["data", "check", str(tiny_phantom.folder)]) == 0
    assert tiny_phantom.truth_hash() in capsys.readouterr().out


def test_phantom_leaves_what_is_there_alone(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "mine").write_text("x")
    assert run(["data", "phantom", "--out", str(tmp_path), "--profile", "tiny"]) == 3
    assert capsys.readouterr().err.startswith("E_EXISTS: the destination exists")


def test_commands_load_nothing_heavy() -> None:
    code = (
        "import sys, fundus2oct.benchmark.data_commands;"
        "print([name for name in ('numpy', 'pandas', 'torch', 'PIL', 'scipy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
