"""The rules of `cases.csv`, and its being written and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import small_cases

from fundus2oct.benchmark.case_table import Case, case_from_row, cases_text, inspect_rows, stays_inside, table_problems

HEADER = "case_id,source_id,patient_id,eye,split,fundus,oct"


def lines_of(*cases: Case) -> list[str]:
    return [problem.line() for problem in table_problems(cases, Path("cases.csv"))]


def problems_of_text(folder: Path, text: str | bytes) -> list[str]:
    (folder / "cases.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return [problem.line() for problem in inspect_rows(folder)[1]]


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r"), max_size=12)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_what_is_written_is_read_back_equal(tmp_path_factory: pytest.TempPathFactory, texts: list) -> None:
    folder = tmp_path_factory.mktemp("table")
    cases = [replace(small_cases()[0], patient_id=a, columns={"note": b}) for a, b in texts]
    (folder / "cases.csv").write_text(cases_text(cases), encoding="utf-8", newline="")
    rows, problems = inspect_rows(folder)
    assert [case_from_row(row) for row in rows] == cases
    assert problems == []


def test_good_table_has_no_problems() -> None:
    assert lines_of(*small_cases()) == []


@pytest.mark.parametrize("name", ["", "Case1", "a/b", "..", "a\nb", "x" * 65, "-a", "é", "a b", "con."])
def test_bad_case_id_is_named_with_its_line(name: str) -> None:
    line = lines_of(replace(small_cases()[0], case_id=name))[0]
    assert line.startswith("E_NAME: bad case id | where: cases.csv:2 | expected: [a-z0-9][a-z0-9_-]{0,63} | found: ")


@pytest.mark.parametrize("eye", ["l", "OD", "", "left", "R "])
def test_eye_that_is_neither_l_nor_r(eye: str) -> None:
    line = lines_of(replace(small_cases()[0], eye=eye))[0]
    assert line == f"E_EYE: eye is neither L nor R | where: cases.csv:2 | expected: L or R | found: {eye!r}"


def test_patient_in_two_splits_is_told_once() -> None:
    first, second, *_ = small_cases()
    lines = lines_of(first, second, replace(second, case_id="z", source_id="z", split="test"))
    assert lines == ["E_PATIENT: patient p1 is in several splits | where: cases.csv | found: test, train"]


def test_duplicate_ids_and_ids_equal_but_for_case() -> None:
    first, second, *_ = small_cases()
    assert lines_of(first, replace(second, case_id=first.case_id)) == [
        "E_DUPLICATE: case_id used twice | where: cases.csv | found: case-a"
    ]
    assert lines_of(first, replace(second, source_id=first.source_id.upper())) == [
        "E_COLLISION: two source_ids are equal but for case | where: cases.csv | found: case-a-00L, CASE-A-00L"
    ]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.png", "a/../../x", "", "a\\b", "a\0b", "a\nb", "."])
def test_path_out_of_the_folder_is_refused(path: str) -> None:
    assert not stays_inside(path)
    assert lines_of(replace(small_cases()[0], fundus=path))[0].startswith("E_PATH: bad path in fundus | where: ")


def test_missing_column_names_what_was_found(tmp_path: Path) -> None:
    lines = problems_of_text(tmp_path, "case_id,eye\na,L\n")
    assert len(lines) == 1
    assert lines[0].startswith("E_COLUMN: column missing: source_id, patient_id, split, fundus, oct | where: ")
    assert lines[0].endswith(f"expected: {HEADER} | found: case_id, eye")


def test_every_ragged_row_is_named(tmp_path: Path) -> None:
    lines = problems_of_text(tmp_path, f"{HEADER}\na\nb,b,p,L,t,f,o\nc,c,p,L,t,f,o,more\n")
    assert [line.split(" | ")[1] for line in lines] == [f"where: {tmp_path / 'cases.csv'}:{n}" for n in (2, 4)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEADER + "\n", "E_EMPTY: the table has no rows"),
        (HEADER + ",eye\n1,2,3,4,5,6,7,8\n", "E_COLUMN: column given twice: eye"),
        (HEADER + '\n"a"b,1,2,3,4,5,6\n', "E_FORMAT: not a table of comma-separated values"),
        (b"\xff\xfe\x00", "E_FORMAT: not UTF-8"),
        (b"", "E_EMPTY: file is empty"),
    ],
)
def test_file_that_is_no_table(tmp_path: Path, text: str | bytes, code: str) -> None:
    lines = problems_of_text(tmp_path, text)
    assert [line.split(" | ")[0] for line in lines] == [code]


def test_byte_order_mark_of_a_spreadsheet_is_taken(tmp_path: Path) -> None:
    assert problems_of_text(tmp_path, "\ufeff" + cases_text(small_cases())) == []
