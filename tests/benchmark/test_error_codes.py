"""The table of error codes: whole, told by `bench explain`, and with an anchor for every row of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.error_codes import EXIT_CODES, error_codes
from fundus2oct.benchmark.worker_process import PUBLIC_CODES
from fundus2oct.metrics.errors import ExitCode

PAGE = (Path(__file__).parent.parent.parent / "docs" / "errors.md").read_text("utf-8")


@pytest.mark.parametrize("code", error_codes())
def test_every_row_says_what_it_means_and_what_to_do_and_can_be_linked_to(code: str) -> None:
    row = error_codes()[code]
    assert row.meaning
    assert row.action
    assert row.whose in ("yours", "ours")
    assert PAGE.count(f'<a id="{row.anchor}"></a>') == 1


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


def test_what_a_participant_is_told_of_a_case_is_theirs_to_mend() -> None:
    assert {error_codes()[code].whose for code in PUBLIC_CODES} == {"yours"}


@pytest.mark.parametrize("text", ["E_SHAPE", "e_shape"])
def test_a_code_is_explained_with_its_page(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", text]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"E_SHAPE: {error_codes()['E_SHAPE'].meaning}\n")
    assert "docs/errors.md#e_shape" in out


def test_an_unknown_code_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "E_SHAPES"]) == 2
    assert "did you mean E_SHAPE" in capsys.readouterr().err
