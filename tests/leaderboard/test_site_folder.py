"""Putting a site in place: all of it or nothing, and never over something else."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fundus2oct.leaderboard import site_folder
from fundus2oct.leaderboard.site_folder import MARKER, replace_site
from fundus2oct.metrics.errors import BenchError


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` but the marker."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_site_is_replaced_as_a_whole(tmp_path: Path) -> None:
    replace_site(tmp_path / "site", {"old/page.html": b"old"})
    replace_site(tmp_path / "site", {"new/page.html": b"new"})
    assert contents(tmp_path / "site") == {"new/page.html": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_site_is_replaced_where_folders_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_folder, "_exchange", lambda a, b: False)
    replace_site(tmp_path / "site", {"page.html": b"old"})
    replace_site(tmp_path / "site", {"page.html": b"new"})
    assert contents(tmp_path / "site") == {"page.html": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_is_not_a_site_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BenchError, match="E_SITE: will not replace what is not a site made here"):
        replace_site(tmp_path, {"index.html": b""})
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_empty_folder_may_become_a_site(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    replace_site(tmp_path / "site", {"index.html": b"x"})
    assert contents(tmp_path / "site") == {"index.html": b"x"}


def test_the_old_site_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_site(tmp_path / "site", {"index.html": b"old"})

    def no_space(temporary: Path, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_folder, "_put_in_place", no_space)
    with pytest.raises(BenchError, match="E_DISK: cannot write the site: No space left on device"):
        replace_site(tmp_path / "site", {"index.html": b"new"})
    assert contents(tmp_path / "site") == {"index.html": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_builder_killed_at_any_moment_leaves_a_whole_site(tmp_path: Path) -> None:
    code = (
        "import itertools, pathlib, sys\n"
        "from fundus2oct.leaderboard.site_folder import replace_site\n"
        "for text in itertools.cycle([b'a', b'b']):\n"
        "    replace_site(pathlib.Path(sys.argv[1]), {f'{i}/page.html': text for i in range(40)})\n"
        "    print(flush=True)\n"
    )
    for delay in (0.0, 0.003, 0.011, 0.02, 0.031):
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "site")], stdout=subprocess.PIPE) as builder:
            assert builder.stdout is not None
            builder.stdout.readline()
            time.sleep(delay)
            builder.kill()
        found = contents(tmp_path / "site")
        assert len(found) == 40
        assert len(set(found.values())) == 1


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    replace_site(tmp_path / ".tmp-0123456789ab-site", {"index.html": b"half"})
    (tmp_path / ".tmp-mine-site").mkdir()
    replace_site(tmp_path / "site", {"index.html": b"x"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tmp-mine-site", "site"]


def test_a_link_to_a_site_stays_a_link(tmp_path: Path) -> None:
    replace_site(tmp_path / "real", {"index.html": b"old"})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_site(tmp_path / "link", {"index.html": b"new"})
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == {"index.html": b"new"}


def test_errors_name_the_folder_and_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchError) as raised:
        replace_site(tmp_path / "file", {})
    assert re.search(r"where: .*/file \| expected: .* \| found: a file \| fix: choose another --out", str(raised.value))
