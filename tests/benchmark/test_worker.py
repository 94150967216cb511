"""The worker's own judgement of a returned volume, and the frames it speaks in."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.benchmark import worker

GOOD = np.arange(6 * 320 * 448, dtype=np.uint32).astype(np.uint8).reshape(worker.VOLUME_SHAPE)


def with_value(value: float, dtype: Any = np.float64) -> np.ndarray:
    volume = GOOD.astype(dtype)
    volume[2, 3, 4] = value
    return volume


BAD: dict[str, tuple[Any, str, str]] = {
    "None": (None, "E_PLUGIN", "NoneType"),
    "list": (GOOD[:, :2, :2].tolist(), "E_PLUGIN", "list"),
    "bytes": (GOOD.tobytes(), "E_PLUGIN", "bytes"),
    "height first": (np.moveaxis(GOOD, 0, 2), "E_SHAPE", "permuted"),
    "width first": (np.moveaxis(GOOD, 2, 0), "E_SHAPE", "permuted"),
    "last axes swapped": (np.swapaxes(GOOD, 1, 2), "E_SHAPE", "permuted"),
    "channel axis": (GOOD[..., None], "E_SHAPE", "(6, 320, 448, 1)"),
    "five slices": (GOOD[:5], "E_SHAPE", "(5, 320, 448)"),
    "no values": (GOOD[:, :0], "E_SHAPE", "(6, 0, 448)"),
    "float in 0..1": (GOOD / 255.0, "E_DTYPE", "float64"),
    "float in 0..255": (GOOD.astype(np.float32), "E_DTYPE", "round and cast"),
    "int16 in range": (GOOD.astype(np.int16), "E_DTYPE", "int16"),
    "big-endian": (GOOD.astype(">u2"), "E_DTYPE", ">u2"),
    "bool": (GOOD > 7, "E_DTYPE", "bool"),
    "int16 with 300": (with_value(300, np.int16), "E_RANGE", "0..300"),
    "int16 with -1": (with_value(-1, np.int16), "E_RANGE", "-1..255"),
    "float with 255.5": (with_value(255.5), "E_RANGE", "255.5"),
    "one NaN": (with_value(np.nan), "E_NONFINITE", "1 values are NaN or infinite, the first at (2, 3, 4)"),
    "infinity": (with_value(np.inf, np.float16), "E_NONFINITE", "(2, 3, 4)"),
    "minus infinity": (with_value(-np.inf), "E_NONFINITE", "(2, 3, 4)"),
    "object": (np.full(worker.VOLUME_SHAPE, None), "E_DTYPE", "object"),
    "complex": (GOOD.astype(np.complex64), "E_DTYPE", "complex64"),
    "structured": (np.zeros(worker.VOLUME_SHAPE, [("grey", "u1")]), "E_DTYPE", "grey"),
    "datetime": (np.zeros(worker.VOLUME_SHAPE, "datetime64[s]"), "E_DTYPE", "datetime64"),
    "text": (np.full(worker.VOLUME_SHAPE, "x"), "E_DTYPE", "U1"),
}


@pytest.mark.parametrize(("value", "code", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_volume_is_named_by_its_code(value: Any, code: str, words: str) -> None:
    found = worker.volume_problem(value)
    assert found is not None
    assert found[0] == code
    assert words in found[1]


@pytest.mark.parametrize("volume", [GOOD, np.zeros_like(GOOD), np.asfortranarray(GOOD), GOOD[:, ::-1]])
def test_a_good_volume_has_no_problem_in_any_memory_order(volume: np.ndarray) -> None:
    assert worker.volume_problem(volume) is None


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)), st.binary(max_size=50))
def test_a_frame_is_read_back_as_it_was_written(header: dict[str, Any], body: bytes) -> None:
    assert worker.read_frame(io.BytesIO(worker.frame(header, body))) == (header, body)


def test_a_stream_that_ends_within_a_frame_is_an_end() -> None:
    with pytest.raises(EOFError, match="expected 8 bytes, found 3"):
        worker.read_frame(io.BytesIO(b"abc"))


@pytest.mark.parametrize("character", ["x", "網", "\U0001f441", "\ud800"])
def test_an_endless_message_still_fits_into_a_header(character: str) -> None:
    message = worker._describe(RuntimeError(character * 100_000))
    assert len(worker.frame({"status": "error", "code": "E_PLUGIN", "message": message})) < worker.MAX_HEADER
