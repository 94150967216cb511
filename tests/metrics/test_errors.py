"""The one error: a line that names everything, in one line, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.metrics.errors import BenchError, BenchErrors, ExitCode


def test_a_line_has_its_parts_in_order() -> None:
    error = BenchError("E_SHAPE", "wrong shape", where=Path("a.npy"), expected="6", found="5", fix="add one")
    assert error.line() == "E_SHAPE: wrong shape | where: a.npy | expected: 6 | found: 5 | fix: add one"
    assert str(error) == error.line()


def test_parts_that_are_not_given_are_left_out() -> None:
    assert BenchError("E_SHAPE", "wrong shape", found="").line() == "E_SHAPE: wrong shape | found:"


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
def test_a_line_is_one_printable_line_whatever_is_in_it(what: str, where: str, found: str) -> None:
    line = BenchError("E_NAME", what, where=where, found=found).line()
    assert line.isprintable()
    assert line.encode("utf-8").decode("utf-8") == line


def test_exit_codes_are_the_documented_ones() -> None:
    codes = {code.name: code.value for code in ExitCode}
    assert codes == {
        "OK": 0,
        "INTERNAL": 1,
        "USAGE": 2,
        "INVALID": 3,
        "CASES_FAILED": 4,
        "VERIFICATION_MISMATCH": 5,
        "LIMIT_EXCEEDED": 6,
        "INTERRUPTED": 130,
    }
    assert BenchError("E_X", "x").exit_code is ExitCode.INVALID


@pytest.mark.parametrize(("n", "code", "words"), [(1, "E_NAME", "1 problem found"), (3, "E_MANY", "3 problems found")])
def test_several_errors_count_themselves(n: int, code: str, words: str) -> None:
    problems = [BenchError("E_NAME", "bad name", exit_code=ExitCode.USAGE) for _ in range(n)]
    errors = BenchErrors(problems, where="data")
    assert (errors.code, errors.exit_code, errors.problems) == (code, ExitCode.USAGE, problems)
    assert errors.line() == f"{code}: {words} | where: data"
