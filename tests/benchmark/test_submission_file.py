"""`submission.toml`: every broken rule is named, nothing unsafe reaches a board, what is written is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.benchmark.submission_file import (
    KINDS,
    Submission,
    are_safe_links,
    is_clean_text,
    read_submission,
    tracks,
    write_submission,
)
from fundus2oct.metrics.errors import BenchError, BenchErrors

GOOD: dict[str, Any] = {"team": "kyoto", "method": "flow-2", "generator": "flow.model:make_generator"}


def read(folder: Path, text: str | bytes | dict[str, Any]) -> Submission:
    data = tomli_w.dumps(text) if isinstance(text, dict) else text
    (folder / "submission.toml").write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_submission(folder)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "team climbs": ({"team": "../x"}, "E_NAME", "team"),
    "team in capitals": ({"team": "Kyoto"}, "E_NAME", "team"),
    "team with a newline": ({"team": "kyoto\n"}, "E_NAME", "team"),
    "team too long": ({"team": "a" * 65}, "E_NAME", "team"),
    "team is a number": ({"team": 3}, "E_MANIFEST", "team"),
    "no method": ({"method": ""}, "E_NAME", "method"),
    "unknown key": ({"fvd": 1.0}, "E_MANIFEST", "fvd"),
    "unknown kind": ({"kind": "winner"}, "E_MANIFEST", "kind"),
    "published is not for handing in": ({"kind": "published"}, "E_MANIFEST", "kind"),
    "title too long": ({"title": "x" * 81}, "E_NAME", "title"),
    "title reversed": ({"title": "a\u202eb"}, "E_NAME", "title"),
    "title invisible": ({"title": "a\u200bb"}, "E_NAME", "title"),
    "title with escape": ({"title": "\x1b[2J"}, "E_NAME", "title"),
    "title of blanks": ({"title": "  "}, "E_NAME", "title"),
    "title not in NFC": ({"title": "Re\u0301tine"}, "E_NAME", "title"),
    "description too long": ({"description": "x" * 2001}, "E_NAME", "description"),
    "generator is a path": ({"generator": "flow/model.py"}, "E_MANIFEST", "generator"),
    "generator without callable": ({"generator": "flow"}, "E_MANIFEST", "generator"),
    "generator calls": ({"generator": "os:system('x')"}, "E_MANIFEST", "generator"),
    "script link": ({"links": ["javascript:alert(1)"]}, "E_LINK", "links"),
    "plain http": ({"links": ["http://a.org"]}, "E_LINK", "links"),
    "link that leaves its attribute": ({"links": ['https://a.org/"onload="x']}, "E_LINK", "links"),
    "link with a name": ({"links": ["https://user@a.org"]}, "E_LINK", "links"),
    "links as text": ({"links": "https://a.org"}, "E_LINK", "links"),
    "nine links": ({"links": ["https://a.org"] * 9}, "E_LINK", "links"),
    "alias reversed": ({"alias": "a\u202eb"}, "E_NAME", "alias"),
    "compute too long": ({"compute": "x" * 401}, "E_NAME", "compute"),
    "parameters as text": ({"parameters": "3M"}, "E_MANIFEST", "parameters"),
    "parameters are true": ({"parameters": True}, "E_MANIFEST", "parameters"),
    "fewer than no parameters": ({"parameters": -1}, "E_MANIFEST", "parameters"),
    "batch as text": ({"batch": "yes"}, "E_MANIFEST", "batch"),
    "weights as a list": ({"weights": ["a.npy"]}, "E_MANIFEST", "weights"),
    "weights elsewhere": ({"weights": {"../a.npy": "0" * 64}}, "E_MANIFEST", "weights"),
    "weights with half a digest": ({"weights": {"a.npy": "0" * 32}}, "E_MANIFEST", "weights"),
    "requirements elsewhere": ({"requirements": "/etc/requirements.txt"}, "E_PATH", "requirements"),
    "python and requirements": ({"requirements": "r.txt", "python": "bin/python"}, "E_MANIFEST", "requirements"),
}


@pytest.mark.parametrize(("change", "code", "key"), BAD.values(), ids=BAD.keys())
def test_a_broken_rule_is_named_with_its_key(tmp_path: Path, change: dict[str, Any], code: str, key: str) -> None:
    with pytest.raises(BenchError, match=rf"^{code}: key '{key}' \| where: .*submission\.toml \| expected: "):
        read(tmp_path, GOOD | change)


FILES: dict[str, tuple[str | bytes, str]] = {
    "not TOML": ("team = ", "E_MANIFEST"),
    "not UTF-8": (b'team = "\xff"', "E_MANIFEST"),
    "a key twice": ('team = "a"\nteam = "b"', "E_MANIFEST"),
    "nested": ("a = " + "[" * 50_000, "E_MANIFEST"),
    "empty": ("", "E_EMPTY"),
    "too large": ("#" * (2**18 + 1), "E_SIZE"),
}


@pytest.mark.parametrize(("text", "code"), FILES.values(), ids=FILES.keys())
def test_a_broken_file_is_refused(tmp_path: Path, text: str | bytes, code: str) -> None:
    with pytest.raises(BenchError, match=rf"^{code}: .*submission\.toml"):
        read(tmp_path, text)


def test_several_problems_are_reported_together_in_a_fixed_order(tmp_path: Path) -> None:
    with pytest.raises(BenchErrors) as caught:
        read(tmp_path, {"team": "A", "method": "B", "kind": "C"})
    assert [problem.what for problem in caught.value.problems] == ["key 'team'", "key 'method'", "key 'kind'"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_back(tmp_path: Path, kind: str) -> None:
    submission = Submission(**GOOD, kind=kind, links=("https://arxiv.org/abs/2506.07542",))
    write_submission(tmp_path, submission)
    assert read_submission(tmp_path) == submission


CLEAN = st.text(max_size=80).filter(lambda text: is_clean_text(text, 80))


@settings(max_examples=40, deadline=None)
@given(title=CLEAN, description=CLEAN, licence=CLEAN)
def test_what_is_written_is_read_back_equal(tmp_path_factory: Any, **texts: str) -> None:
    submission = Submission(**GOOD, **texts)
    folder = tmp_path_factory.mktemp("submission")
    write_submission(folder, submission)
    assert read_submission(folder) == submission


FACTS: dict[str, Any] = {
    "alias": "網膜 Kyoto",
    "external_data": "OLIVES",
    "compute": "8 h on one GPU",
    "parameters": 12_000_000,
    "batch": True,
    "weights": {"net/weights.npy": "0" * 64},
    "requirements": "requirements.txt",
}


def test_tracks_and_facts_are_read_back(tmp_path: Path) -> None:
    submission = Submission(**GOOD, **FACTS)
    write_submission(tmp_path, submission)
    assert read_submission(tmp_path) == submission


def test_tracks_are_told_in_words() -> None:
    assert tracks(Submission(**GOOD, **FACTS), images=False) == ("code", "external data", "batch")
    assert tracks(Submission(**GOOD), images=True) == ("images", "no external data")


def test_what_belongs_to_one_machine_is_not_published() -> None:
    assert Submission(**GOOD, python="/home/x/bin/python").without_machine() == Submission(**GOOD)


def test_a_name_is_team_and_method() -> None:
    assert Submission(**GOOD).name == "kyoto/flow-2"


@pytest.mark.parametrize("link", ["https://a.org", "https://a.org:8443/x?y=1#z", "https://xn--a.org/%E7%B6%B2"])
def test_plain_links_are_safe(link: str) -> None:
    assert are_safe_links([link])
