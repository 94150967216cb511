"""What others than the team say of an entry: badges, withdrawals and names of teams, as the board shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark.attestation_file import make_attestation, write_attestation
from fundus2oct.benchmark.entry_status import StatusChange, append_status
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics.errors import BenchError

MakeResult = Callable[..., dict[str, Any]]
CASES = {"regenerated": 5, "equal": 4, "within_tolerance": 1, "differing": 0}


@pytest.fixture
def tree(tmp_path: Path, result: MakeResult) -> Path:
    """Two ranked entries of one team, `good` before `fair`."""
    publish_result(result("good", 100.0, eligible=True), tmp_path / "results")
    publish_result(result("fair", 200.0, eligible=True), tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def words(tree: Path, tmp_path: Path, cards: Any) -> Callable[[str], str]:
    """Builds the site and returns the words of one page."""

    def read(page: str) -> str:
        build_site(tree, tmp_path / "site", cards=cards, ranking_metric="fvd")
        (path,) = (tmp_path / "site" / "boards").glob(f"*/{page}")
        return " ".join(re.sub(r"<[^>]+>", " ", path.read_text("utf-8")).replace("\xa0", " ").split())

    return read


def record_of(tree: Path, method: str) -> Path:
    (path,) = tree.glob(f"team-a/{method}/results/*/*/0001-????????.json")
    return path


def attest(record: Path, kind: str, outcome: str, **more: Any) -> Path:
    return write_attestation(record, make_attestation(kind, record, who="The organiser", outcome=outcome, **more))


def test_a_record_nobody_checked_is_self_reported(words: Callable[[str], str]) -> None:
    assert "good team-a · submission · self-reported 100.0" in words("index.html")
    assert "Checked by others nobody yet: the numbers are self-reported" in words("entries/team-a/good.html")


def test_badges_stand_on_the_board_and_what_was_found_on_the_page(tree: Path, words: Callable[[str], str]) -> None:
    record = record_of(tree, "good")
    tolerance = {"grey": 2, "share": 0.1}
    attest(record, "reproduced", "reproduced", cases=CASES, rescored=True, tolerance=tolerance)
    attest(record, "organiser-run", "generated")
    assert "good team-a · submission · organiser-run · reproduced 100.0" in words("index.html")
    page = words("entries/team-a/good.html")
    assert re.search(r"Reproduced by The organiser, \d{4}-\d\d-\d\d: 5 cases generated again, 4 equal, 1 within", page)
    assert "the declared tolerance of 2 grey levels, scored again: equal." in page
    assert "fair team-a · submission · self-reported 200.0" in words("index.html")


def test_a_failed_reproduction_is_told_and_earns_no_badge(tree: Path, words: Callable[[str], str]) -> None:
    found = CASES | {"equal": 2, "differing": 2}
    attest(record_of(tree, "good"), "reproduced", "differs", cases=found, rescored=False)
    assert "good team-a · submission · self-reported 100.0" in words("index.html")
    page = words("entries/team-a/good.html")
    assert "Not reproduced by The organiser" in page
    assert "2 differing, scored again: different." in page


def test_what_an_attestation_says_is_shown_as_text(tree: Path, words: Callable[[str], str], tmp_path: Path) -> None:
    signature = {"scheme": "ssh", "identity": "<script>alert(1)</script>", "key": "SHA256:a\u202eb"}
    attest(record_of(tree, "good"), "signed", "valid", signature=signature)
    assert "self-reported" not in words("index.html").split("fair")[0]
    (page,) = (tmp_path / "site").rglob("entries/team-a/good.html")
    text = page.read_text("utf-8") if words("entries/team-a/good.html") else ""
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in text
    assert "\u202e" not in text


def test_an_attestation_of_other_bytes_ends_the_build(tree: Path) -> None:
    path = attest(record_of(tree, "fair"), "reproduced", "reproduced", cases=CASES, rescored=True)
    stolen = record_of(tree, "good").with_name(f"{record_of(tree, 'good').stem}.attestation-reproduced.json")
    stolen.write_bytes(path.read_bytes())
    with pytest.raises(BenchError, match="E_ATTESTATION: the attestation is about another record"):
        read_entries(tree)


def test_an_attestation_without_its_record_ends_the_build(tree: Path) -> None:
    path = attest(record_of(tree, "fair"), "organiser-run", "generated")
    path.rename(path.with_name("0009-01234567.attestation-organiser-run.json"))
    with pytest.raises(BenchError, match="E_RECORD: unknown file among the records"):
        read_entries(tree)


def test_the_same_finding_is_filed_once_and_another_beside_it(tree: Path) -> None:
    record = record_of(tree, "good")
    first = attest(record, "reproduced", "reproduced", cases=CASES, rescored=True)
    before = first.read_bytes()
    assert attest(record, "reproduced", "reproduced", cases=CASES, rescored=True) == first
    second = attest(record, "reproduced", "differs", cases=CASES, rescored=False)
    assert second.name.endswith(".attestation-reproduced-2.json")
    assert first.read_bytes() == before
    assert len(read_entries(tree)[1].records[0].attestations) == 2


def test_a_withdrawn_entry_is_shown_with_its_reason_and_never_ranked(tree: Path, words: Callable[[str], str]) -> None:
    change = StatusChange(status="withdrawn", date=date(2026, 3, 1), reason="trained on test eyes by mistake")
    append_status(tree / "team-a/good", change)
    page = words("index.html")
    assert "withdrawn on 2026-03-01: trained on test eyes by mistake" in page
    assert "1 fair team-a · submission" in page
    assert "Shown, not ranked: withdrawn on 2026-03-01" in words("entries/team-a/good.html")


def test_a_disqualification_holds_in_its_phase_alone_until_it_is_undone(
    tree: Path, words: Callable[[str], str]
) -> None:
    def change(status: Any, phase: str) -> None:
        decided = StatusChange(status=status, date=date(2026, 3, 1), reason="two accounts", phase=phase)
        append_status(tree / "team-a/good", decided)

    change("disqualified", "another-phase")
    assert "1 good team-a" in words("index.html")
    change("disqualified", "demo")
    assert "1 fair team-a" in words("index.html")
    before = (tree / "team-a/good/status.toml").read_bytes()
    change("reinstated", "")
    assert "1 good team-a" in words("index.html")
    assert (tree / "team-a/good/status.toml").read_bytes().startswith(before)


def test_a_team_is_called_what_the_organiser_says(tree: Path, words: Callable[[str], str]) -> None:
    write_submission(tree / "team-a/good", Submission(team="team-a", method="good", alias="Best Team"))
    assert "good Best Team (team-a) · submission" in words("index.html")
    (tree / "teams.toml").write_text('[a]\nname = "Kyoto Eye Lab"\nslugs = ["team-a", "team-b"]\n', "utf-8")
    assert "good Kyoto Eye Lab (team-a) · submission" in words("index.html")
    assert "Best Team" not in words("index.html")


def test_equal_trees_with_attestations_give_equal_bytes(tree: Path, tmp_path: Path, cards: Any) -> None:
    attest(record_of(tree, "good"), "organiser-run", "generated")
    sites = []
    for name in ("one", "two"):
        build_site(tree, tmp_path / name, cards=cards, ranking_metric="fvd")
        sites.append(
            {p.relative_to(tmp_path / name): p.read_bytes() for p in sorted((tmp_path / name).rglob("*.html"))}
        )
    assert sites[0] == sites[1]
