"""The day beside a record: noted once, checked when read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fundus2oct.benchmark.filing_date import note_filing, read_filing
from fundus2oct.metrics.errors import BenchError

NAME = "0001-abcdef01.json"
DAY = date(2026, 3, 1)


def test_a_day_is_noted_once_and_stays(tmp_path: Path) -> None:
    assert read_filing(tmp_path / NAME) is None
    note_filing(tmp_path / NAME, DAY)
    note_filing(tmp_path / NAME)
    assert read_filing(tmp_path / NAME) == DAY
    assert [path.name for path in tmp_path.iterdir()] == ["0001-abcdef01.filed.json"]


def test_the_day_is_today_in_utc_unless_told(tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    note_filing(tmp_path / NAME)
    assert before <= (read_filing(tmp_path / NAME) or date.min) <= datetime.now(UTC).date()


@pytest.mark.parametrize("day", ["2026-02-30", "9999-01-01", "-001-01-01", "1.3.2026", "<b>"])
def test_what_is_no_day_of_our_time_is_refused(tmp_path: Path, day: str) -> None:
    text = f'{{"schema": "fundus2oct-filed", "schema_version": 1, "filed": "{day}"}}'
    (tmp_path / "0001-abcdef01.filed.json").write_text(text)
    with pytest.raises(BenchError, match="E_SCHEMA"):
        read_filing(tmp_path / NAME)
