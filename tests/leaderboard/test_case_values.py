"""Values per case beside a record: read where the phase discloses them, refused where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.metrics.errors import BenchError

MakeResult = Callable[..., dict[str, Any]]
HEADER = "case_id,code,ssim,psnr\n"


def file_with_cases(result: dict[str, Any], root: Path, text: str, *, per_case: bool = True) -> Path:
    """File ``result`` under a disclosure and put a table of values per case beside it; returns the table's path."""
    result["protocol"]["disclosure"] = {"per_case": per_case, "pictures": False, "digits": None}
    record = publish_result(result, root)
    table = record.with_name(f"{record.stem}.per_case.csv")
    table.write_text(text, "utf-8")
    return table


def lines(count: int) -> str:
    return "".join(f"eye-{i},,0.{i + 10},{i}.5\n" for i in range(count))


def test_disclosed_values_are_read_by_case(tmp_path: Path, result: MakeResult) -> None:
    file_with_cases(result("a", 1.0, failed=1), tmp_path, HEADER + "bad,E_MISSING,-1.0,0.0\n" + lines(23))
    cases = read_entries(tmp_path)[0].records[-1].cases
    assert cases is not None
    assert cases.of("ssim")["eye-3"] == 0.13
    assert cases.codes[:2] == ("E_MISSING", "")
    assert cases.failed == {"bad"}
    assert cases.of("fvd") == {}


def test_without_a_table_there_are_no_values(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path)
    assert read_entries(tmp_path)[0].records[-1].cases is None


def test_values_of_a_phase_that_hides_them_end_the_build(tmp_path: Path, result: MakeResult) -> None:
    table = file_with_cases(result("a", 1.0), tmp_path, HEADER + lines(24), per_case=False)
    with pytest.raises(BenchError, match=f"E_RECORD: values per case of a phase that does not disclose.*{table}"):
        read_entries(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + lines(23),
        HEADER + lines(23) + "eye-0,,0.1,1.0\n",
        HEADER + lines(23) + "../x,,0.1,1.0\n",
        HEADER + lines(23) + "last,,inf,1.0\n",
        HEADER + lines(23) + "last,,0.1\n",
        "case_id,patient_id,ssim\n" + lines(24),
        "\x00",
    ],
    ids=["a case short", "a case twice", "a path", "not a number", "a column short", "the private table", "no table"],
)
def test_a_table_that_is_not_one_line_a_case_is_refused(tmp_path: Path, result: MakeResult, text: str) -> None:
    file_with_cases(result("a", 1.0), tmp_path, text)
    with pytest.raises(BenchError, match="E_FORMAT: not a table of values per case"):
        read_entries(tmp_path)


def test_an_eye_whose_truth_could_not_be_measured_has_no_value(tmp_path: Path, result: MakeResult) -> None:
    file_with_cases(result("a", 1.0), tmp_path, HEADER + "last,,nan,1.0\n" + lines(23))
    cases = read_entries(tmp_path)[0].records[-1].cases
    assert cases is not None
    assert (len(cases.of("ssim")), len(cases.of("psnr"))) == (23, 24)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "bad,E_MISSING,-1.0,0.0\n" + lines(23), r"failures \{\}"),
        (HEADER.replace("ssim", "patient_id") + lines(24), "metrics of the record.*patient_id"),
        (HEADER + lines(24).replace(",0.", ",7."), "around the record's mean ssim"),
        (HEADER + "".join(f"eye-{i},,nan,{i}.5\n" for i in range(24)), "around the record's mean ssim"),
    ],
    ids=["other failures", "a column that is no metric", "other means", "nothing measured"],
)
def test_a_table_of_another_record_is_refused(tmp_path: Path, result: MakeResult, text: str, told: str) -> None:
    file_with_cases(result("a", 1.0), tmp_path, text)
    with pytest.raises(BenchError, match=f"E_RECORD: values per case of another record.*{told}"):
        read_entries(tmp_path)
