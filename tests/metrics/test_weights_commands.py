"""`bench weights`: data on stdout, progress on stderr, and a known name or a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy_weights
from click.testing import CliRunner

from fundus2oct.metrics import weights_commands
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import I3D


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


def run(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(weights_commands.weights, arguments, catch_exceptions=False, standalone_mode=False)
    return result.stdout, result.stderr


def test_listing_as_json_says_what_is_installed_and_under_which_licence() -> None:
    facts = json.loads(run("list", "--json")[0])
    assert [fact["name"] for fact in facts][:2] == ["i3d", "efficientnet-lite0"]
    assert (facts[0]["installed"], facts[0]["sha256"]) == (False, I3D.sha256)
    assert "Apache-2.0" in facts[0]["licence"]


def test_listing_for_people_names_the_purpose() -> None:
    output = run("list")[0]
    assert "not installed" in output
    assert "Fréchet video distance" in output


def test_path_lies_in_the_cache_folder(tmp_path: Path) -> None:
    assert run("path", "i3d")[0].strip() == str(tmp_path / "cache" / "weights" / "i3d-kinetics-400.safetensors")


def test_install_prints_only_the_path_on_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = toy_weights.write_archive(tmp_path)
    entry = toy_weights.entry_for(archive)
    monkeypatch.setattr(weights_commands, "weights_named", lambda name: entry)
    stdout, stderr = run("install", "toy", "--from", str(archive))
    assert stdout.strip() == str(tmp_path / "cache" / "weights" / "toy.safetensors")
    assert "checking hashes" in stderr


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BenchError, match=r"no such weights \| expected: one of i3d, .* \| found: vgg"):
        run("path", "vgg")


@pytest.mark.parametrize("command", ["list", "install", "path"])
def test_every_help_text_ends_in_an_example(command: str) -> None:
    assert f"Example:\n    bench weights {command}" in run(command, "--help")[0]
