"""Every row of the list of 54 bad inputs is tried; a key or a test's name begins with the number of its row.

What our answer is where the list asks for another, or for a format that is not taken:

====  =======================================================================================================
row   answer
====  =======================================================================================================
15    volumes are uint8: floats within 0..255 are E_DTYPE (with their range), beyond it E_RANGE
24    .npz is not taken: E_FORMAT for a volume; a member twice in a challenge's zip is E_DUPLICATE
25    .npz is not taken: E_FORMAT, unread; a zip member is capped while it is unpacked: E_SIZE
31    pictures: E_FILETYPE; a run's own volume is judged by its digest: E_CHANGED
37    case ids: E_NAME; pictures: E_EXTRA, because no case has that name
44-46 NIfTI and gzip are not taken: E_FORMAT for a volume, E_EXTRA for a picture, E_ARCHIVE for a zip
47    safetensors are read by the participant's code: E_PLUGIN, with safetensors' own words in the log
49    stricter: an unknown key is refused, not ignored
51    E_CRASH: the process ended; E_MISSING is kept for pictures
53    records are refused and left in place; damaged values of the cache are set aside and computed again
54    NaN is refused when it is written; null stands below every number
====  =======================================================================================================
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROWS = 54
SOURCES = sorted(Path(__file__).parent.glob("test_*.py"))
NUMBER = re.compile(r'^    "(\d+) [^"\n]+":|^def test_(\d+)_', flags=re.M)


def tried() -> dict[int, int]:
    """Row -> how many cases begin with its number."""
    found: dict[int, int] = {}
    for path in SOURCES:
        for match in NUMBER.finditer(path.read_text("utf-8")):
            row = int(match[1] or match[2])
            found[row] = found.get(row, 0) + 1
    return found


@pytest.mark.parametrize("row", range(1, ROWS + 1))
def test_every_row_has_a_case(row: int) -> None:
    assert tried().get(row, 0) > 0


def test_no_case_is_of_a_row_that_is_not_there() -> None:
    assert set(tried()) <= set(range(1, ROWS + 1))
