"""`bench doctor`: every line is tried, and only missing walls are an error."""

from __future__ import annotations

import json

import pytest

from fundus2oct.benchmark import cli, doctor_command, sandbox

QUICK = (doctor_command.python, doctor_command.bubblewrap, doctor_command.reduced_walls, doctor_command.landlock)


@pytest.mark.parametrize(("reasons", "code"), [(("", ""), 0), (("refused", ""), 0), (("refused", "too old"), 3)])
def test_no_walls_at_all_end_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reasons: tuple[str, str], code: int
) -> None:
    monkeypatch.setattr(doctor_command, "CHECKS", QUICK)
    monkeypatch.setattr(sandbox, "why_not", dict(zip(("bubblewrap", "reduced"), reasons, strict=True)).__getitem__)
    assert cli.run(["doctor"]) == code
    table = capsys.readouterr().out
    assert all(reason in table for reason in reasons)
    assert table.count("fix: ") == sum(map(bool, reasons))


def test_the_list_for_machines_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["doctor", "--json"])
    found = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert list(found) == [
        *("python", "bubblewrap", "reduced walls", "landlock", "seccomp"),
        *("gpu", "memory", "disk", "weights", "chromium"),
    ]
    assert code == (0 if found["bubblewrap"]["works"] or found["reduced walls"]["works"] else 3)
    assert found["bubblewrap"]["works"] == (sandbox.why_not("bubblewrap") == "")
    assert "GiB free" in found["disk"]["detail"]
