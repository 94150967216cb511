"""Volume files: what is written is read back equal, and every broken file is named by its code before it is used."""

from __future__ import annotations

import io
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.benchmark.volume import parse_volume, read_volume, volume_bytes, volume_digest, write_volume
from fundus2oct.metrics.errors import BenchError

RAMP = (np.arange(6 * 320 * 448) % 251).astype(np.uint8).reshape(6, 320, 448)


def npy(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def with_header(text: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1") + body


def claiming(shape: str, descr: str = "'|u1'") -> bytes:
    return with_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n", RAMP.tobytes())


BAD: dict[str, tuple[bytes, str]] = {
    "truncated": (volume_bytes(RAMP)[:-1], "E_SIZE"),
    "trailing byte": (volume_bytes(RAMP) + b"x", "E_SIZE"),
    "header alone": (volume_bytes(RAMP)[:128], "E_SIZE"),
    "pickle": (b"\x80\x04\x95\x0b\x00", "E_FORMAT"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "E_FORMAT"),
    "three bytes": (b"\x93NU", "E_FORMAT"),
    "version 2": (npy(RAMP, (2, 0)), "E_HEADER"),
    "header of 20 kB": (with_header(" " * 20_000 + "{}"), "E_HEADER"),
    "header that claims more than there is": (b"\x93NUMPY\x01\x00\xff\x0f{", "E_HEADER"),
    "header of brackets": (with_header("(" * 4000), "E_HEADER"),
    "header of minus signs": (with_header("-" * 4000 + "1"), "E_HEADER"),
    "header without keys": (with_header("{}"), "E_HEADER"),
    "header with another key": (
        with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (), 'x': 1}"),
        "E_HEADER",
    ),
    "header that calls": (with_header("__import__('os').abort()"), "E_HEADER"),
    "python 2 shape": (claiming("(6L, 320L, 448L)"), "E_HEADER"),
    "shape of 10^18": (claiming("(10**18,)".replace("10**18", "1" + "0" * 18)), "E_SHAPE"),
    "negative shape": (claiming("(-6, 320, 448)"), "E_SHAPE"),
    "zero in shape": (claiming("(0, 320, 448)"), "E_SHAPE"),
    "list as shape": (claiming("[6, 320, 448]"), "E_SHAPE"),
    "height first": (npy(np.moveaxis(RAMP, 0, 2)), "E_SHAPE"),
    "channel axis": (npy(RAMP[..., None]), "E_SHAPE"),
    "object": (claiming("(6, 320, 448)", "'|O'"), "E_DTYPE"),
    "V0": (claiming("(6, 320, 448)", "'|V0'"), "E_DTYPE"),
    "structured": (npy(np.zeros((6, 320, 448), [("grey", "u1")])), "E_DTYPE"),
    "float": (npy(RAMP / 255.0), "E_DTYPE"),
    "big-endian": (npy(RAMP.astype(">i2")), "E_DTYPE"),
    "nested dtype": (claiming("(6, 320, 448)", "[('a', [('b', [()])])]"), "E_DTYPE"),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_bad_bytes_are_named_by_their_code(data: bytes, code: str) -> None:
    with pytest.raises(BenchError, match=f"^{code}: .* where: volumes/a.npy") as caught:
        parse_volume(data, where="volumes/a.npy")
    assert caught.value.exit_code == 3


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=60) | st.text("{}[]()'\",:0123456789LadescrT ", max_size=60))
def test_no_header_raises_anything_else(text: str) -> None:
    with pytest.raises(BenchError, match="E_HEADER"):
        parse_volume(with_header(text), where="a.npy")


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), fortran=st.booleans())
def test_a_written_volume_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, seed: int, fortran: bool
) -> None:
    volume = np.random.default_rng(seed).integers(0, 256, (6, 320, 448), np.uint8)
    path = tmp_path_factory.mktemp("volume") / "a.npy"
    digest = write_volume(path, np.asfortranarray(volume) if fortran else volume)
    assert np.array_equal(read_volume(path), volume)
    assert digest == volume_digest(volume)
    assert np.array_equal(np.load(path, allow_pickle=False), volume)


def test_a_file_in_fortran_order_is_read_with_equal_values() -> None:
    volume = parse_volume(npy(np.asfortranarray(RAMP)), where="a.npy")
    assert np.array_equal(volume, RAMP)
    assert volume.flags.c_contiguous


def test_equal_volumes_have_equal_bytes_in_any_memory_order() -> None:
    assert volume_bytes(RAMP) == volume_bytes(np.asfortranarray(RAMP))
    assert volume_digest(RAMP) == volume_digest(RAMP[:, :, ::-1][:, :, ::-1])


@pytest.mark.parametrize("volume", [RAMP[:5], RAMP.astype(np.int16)])
def test_nothing_but_a_volume_is_written(tmp_path: Path, volume: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_volume(tmp_path / "a.npy", volume)
    assert list(tmp_path.iterdir()) == []


def _link(path: Path) -> None:
    write_volume(path.with_name("truth.npy"), RAMP)
    path.symlink_to("truth.npy")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "E_MISSING"),
    "empty": (Path.touch, "E_EMPTY"),
    "link to the truth": (_link, "E_FILETYPE"),
    "pipe": (os.mkfifo, "E_FILETYPE"),
    "folder": (Path.mkdir, "E_FILETYPE"),
    "socket": (_socket, "E_FILETYPE"),
    "sparse file of 1 TiB": (_sparse, "E_SIZE"),
}


@pytest.mark.parametrize(("make", "code"), FILES.values(), ids=FILES.keys())
def test_what_is_no_plain_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Any], code: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    make(Path("a.npy"))
    with pytest.raises(BenchError, match=rf"^{code}: .*a\.npy"):
        read_volume(Path("a.npy"))
