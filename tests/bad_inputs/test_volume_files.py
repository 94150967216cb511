"""Volume files that were spoilt after a run: scoring stops with one line, the other volumes stay, the case is redone.

A key begins with the number of its row in the list of bad inputs (`test_list_is_complete`).
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import re
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.volume import volume_bytes
from fundus2oct.benchmark.volume_source import run_source
from fundus2oct.metrics.errors import BenchError

pytestmark = pytest.mark.slow

SPOILT = "toy-test-001"
SHAPE = (6, 320, 448)
GOOD = volume_bytes(np.zeros(SHAPE, np.uint8))


def npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(text: str, body: bytes = b"") -> bytes:
    """A `.npy` file of version 1 with this header."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + body


def shaped(shape: str, descr: str = "'|u1'") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n", bytes(100))


def npz_bomb() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, volume=np.zeros(2**27, np.uint8))
    return buffer.getvalue()


def npz_twice() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, volume=np.zeros(3), other=np.zeros(3))
    return buffer.getvalue().replace(b"other.npy", b"volum.npy")


DATA: dict[str, tuple[Callable[[], bytes], str]] = {
    "2 empty": (bytes, "E_EMPTY: file is empty"),
    "3 truncated": (lambda: GOOD[:-100], "E_SIZE: wrong size of data .*expected: 860160 bytes .*found: 860060 bytes"),
    "4 trailing bytes": (lambda: GOOD + b"x", "E_SIZE: .*expected: 860160 bytes .*found: 860161 bytes"),
    "5 objects": (lambda: npy(np.array([print])), r"E_DTYPE: .*expected: '\|u1' \(uint8\) .*found: '\|O'"),
    "6 a raw pickle": (lambda: pickle.dumps(print), "E_FORMAT: not a .npy file"),
    "7 a header of 20 kB": (lambda: header(" " * 20_000), "E_HEADER: header is too long .*<= 4096 bytes .*20000"),
    "7 a header that claims 4 GB": (lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "E_HEADER: wrong .npy version"),
    "8 a nested header": (lambda: header("(" * 4000), "E_HEADER: bad .npy header"),
    "9 shape of 10^18": (lambda: shaped("(10000000000, 100000000)"), "E_SHAPE: .*10000000000"),
    "10 a negative size": (lambda: shaped("(6, 320, -448)"), r"E_SHAPE: .*found: \(6, 320, -448\)"),
    "10 a boolean size": (lambda: shaped("(True, 320, 448)"), r"E_SHAPE: .*found: \(True, 320, 448\)"),
    "11 no rows": (lambda: shaped("(6, 0, 448)"), r"E_SHAPE: .*found: \(6, 0, 448\)"),
    "11 no bytes a value": (lambda: shaped("(1000000000000,)", "'|V0'"), "E_DTYPE: .*V0"),
    "12 axes permuted": (
        lambda: npy(np.zeros((320, 448, 6), np.uint8)),
        r"E_SHAPE: .*\(6, 320, 448\) .*\(320, 448, 6\)",
    ),
    "13 channels": (lambda: npy(np.zeros((6, 320, 448, 1), np.uint8)), r"E_SHAPE: .*found: \(6, 320, 448, 1\)"),
    "14 floats": (lambda: npy(np.zeros((6, 8, 8))), "E_DTYPE: .*found: '<f8'"),
    "22 big-endian": (lambda: npy(np.zeros((6, 8, 8), ">u2")), "E_DTYPE: .*found: '>u2'"),
    "23 records": (lambda: npy(np.zeros(9, [("a", "u1")])), "E_DTYPE: .*found: .*'a'"),
    "23 dates": (lambda: npy(np.zeros(9, "M8[s]")), "E_DTYPE: .*found: '<M8"),
    "24 an npz (not taken)": (npz_twice, "E_FORMAT: not a .npy file"),
    "25 an npz bomb (not taken)": (npz_bomb, "E_FORMAT: not a .npy file"),
    "43 a TIFF": (lambda: b"II*\0" + bytes(100), "E_FORMAT: not a .npy file"),
    "44 a NIfTI that lies (not taken)": (
        lambda: (348).to_bytes(4, "little") + b"\xff\x7f" * 172,
        "E_FORMAT: not a .npy file",
    ),
    "45 a NIfTI with an odd slope (not taken)": (lambda: bytes(344) + b"n+1\0" + bytes(8), "E_FORMAT: not a .npy file"),
    "46 a gzip bomb (not taken)": (lambda: gzip.compress(bytes(2**24)) * 2, "E_FORMAT: not a .npy file"),
}

KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "1 missing": (lambda path: None, "E_MISSING: file is missing"),
    "30 a link to another volume": (lambda path: path.symlink_to(path.with_name("toy-test-000.npy")), "E_FILETYPE"),
    "32 a FIFO": (os.mkfifo, "E_FILETYPE: not a plain file"),
    "33 a folder": (Path.mkdir, "E_FILETYPE: not a plain file"),
    "33 a socket": (lambda path: bound_socket(path), "E_FILETYPE: not a plain file"),
    "33 a device": (lambda path: path.symlink_to("/dev/zero"), "E_FILETYPE: not a plain file"),
    "34 a sparse TiB": (lambda path: sparse(path, 2**40), "E_SIZE: file is too large .*found: 1099511627776"),
}


def bound_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is at most 108 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def sparse(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


def spoil(run_folder: Path, label: str) -> str:
    """Put the bad thing in the place of one volume; returns what the line must say."""
    path = RunFolder(run_folder).volume_path(SPOILT)
    path.unlink()
    if label in KINDS:
        KINDS[label][0](path)
        return KINDS[label][1]
    path.write_bytes(DATA[label][0]())
    return DATA[label][1]


@pytest.mark.parametrize("label", [*DATA, *KINDS])
def test_a_spoilt_volume_is_refused_by_one_line_and_its_case_alone_is_to_be_redone(
    run_copy: Path, small: Dataset, label: str
) -> None:
    words = spoil(run_copy, label)
    source = run_source(RunFolder(run_copy), small, "test")
    with pytest.raises(BenchError) as caught:
        source.get(SPOILT)
    assert re.match(words, caught.value.line())
    assert f"{SPOILT}.npy" in caught.value.line()
    assert caught.value.exit_code == 3
    assert source.get("toy-test-000") is not None
    assert RunFolder(run_copy).unfinished() == [SPOILT]


@pytest.mark.parametrize("label", ["1 missing", "3 truncated"])
def test_the_command_says_so_and_generating_again_repairs_it(
    finished: Path, run_copy: Path, small: Dataset, label: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = RunFolder(run_copy).summary()
    words = spoil(run_copy, label)
    places = ["--data", small.folder, "--private", tmp_path / "private", "--results", tmp_path / "results"]
    assert run(["--quiet", "score", str(run_copy), *map(str, places)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(words, lines[0])
    assert generate_run(resolve(str(finished / "plugin")), small, "test", run_copy) == before


def test_31_a_hard_link_to_another_volume_is_no_record_of_this_case(run_copy: Path, small: Dataset) -> None:
    path = RunFolder(run_copy).volume_path(SPOILT)
    path.unlink()
    path.hardlink_to(path.with_name("toy-test-000.npy"))
    with pytest.raises(BenchError, match=r"E_CHANGED: volume differs from its record"):
        run_source(RunFolder(run_copy), small, "test").get(SPOILT)


def test_35_a_volume_is_read_once_so_that_what_was_hashed_is_what_is_scored(
    run_copy: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    read = picture_file.read_bytes

    def counted(path: Path, **options: int) -> bytes:
        data = read(path, **options)
        opened.append(path)
        path.write_bytes(GOOD)  # changed as soon as it was read
        return data

    source = run_source(RunFolder(run_copy), small, "test")
    monkeypatch.setattr(picture_file, "read_bytes", counted)
    first = source.get(SPOILT)
    assert opened == [RunFolder(run_copy).volume_path(SPOILT)]
    assert first is not None
    assert first.any()
    with pytest.raises(BenchError, match="E_CHANGED: volume differs from its record"):
        source.get(SPOILT)
