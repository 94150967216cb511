"""Weights come back as they were written, or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fundus2oct.baselines.weights import read_array, write_array, write_volumes
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE


def read(folder: Path, shape: tuple[int | None, ...] = (None, 2), *, mapped: bool = False) -> Any:
    return read_array(folder, "a.npy", shape=shape, dtype=np.float32, method="ridge", mapped=mapped)


@pytest.mark.parametrize("mapped", [False, True])
def test_array_comes_back_equal(tmp_path: Path, mapped: bool) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_array(tmp_path, "a.npy", array)
    np.testing.assert_array_equal(read(tmp_path, mapped=mapped), array)


def test_volumes_written_one_by_one_come_back_as_one_array(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).integers(0, 256, (2, *VOLUME_SHAPE), dtype=np.uint8)
    write_volumes(tmp_path, "v.npy", volumes, n=2)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), volumes)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 3), np.float32), np.zeros((0, 2), np.float32), np.zeros((3, 2), np.float64), np.zeros(2, np.float32)],
)
def test_another_array_is_refused_with_what_was_found(tmp_path: Path, array: Any) -> None:
    write_array(tmp_path, "a.npy", array)
    with pytest.raises(BenchError, match=r"wrong weights .* expected: float32 \(n, 2\)") as caught:
        read(tmp_path)
    assert caught.value.found == f"{array.dtype} {array.shape}"


@pytest.mark.parametrize("mapped", [False, True])
def test_cut_off_file_is_refused(tmp_path: Path, mapped: bool) -> None:
    write_array(tmp_path, "a.npy", np.zeros((30, 2), np.float32))
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BenchError, match="E_WEIGHTS: broken weights"):
        read(tmp_path, mapped=mapped)


def test_archive_and_pickle_and_empty_file_are_refused(tmp_path: Path) -> None:
    archive, pickled = io.BytesIO(), io.BytesIO()
    np.savez(archive, a=np.zeros(2))
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    for content in (archive.getvalue(), pickled.getvalue(), b"", b"not an array"):
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(BenchError, match="E_WEIGHTS"):
            read(tmp_path)
    assert (tmp_path / "a.npy").exists()
