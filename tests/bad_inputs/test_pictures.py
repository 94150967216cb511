"""Bad pictures handed in instead of code, in a zip and in a folder: refused as a whole, or failing their case alone.

A key begins with the number of its row in the list of bad inputs (`test_list_is_complete`).
"""

from __future__ import annotations

import gzip
import os
import re
import socket
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenge_archive import bscan, encoded, members, write_archive
from PIL import Image

from fundus2oct.benchmark.archive_import import import_archive
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.errors import BenchError

pytestmark = pytest.mark.slow

TEAM = Submission(team="kyoto", method="images")
FIRST = "TOY-TEST-000/TOY-TEST-000_0.png"
Content = dict[str, bytes]


def write(folder: Path, content: Content, kind: str) -> Path:
    """A submission of these pictures, as a zip or as a folder."""
    if kind == "zip":
        return write_archive(folder / "submit.zip", content)
    for name, data in content.items():
        path = folder / "submit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "submit"


def without(content: Content, *names: str) -> Content:
    return {name: data for name, data in content.items() if name not in names}


def picture(mode: str) -> bytes:
    return encoded(Image.fromarray(bscan("a", 0)).convert(mode), "png")


def claiming(side: int) -> bytes:
    """A small PNG whose header claims other sides."""
    data = bytearray(picture("L"))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def animated() -> bytes:
    frames = [Image.fromarray(bscan("a", i)) for i in range(2)]
    return encoded(frames[0], "png", save_all=True, append_images=frames[1:])


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(bscan("a", 0)), "png", exif=exif)


def sixteen_bits() -> bytes:
    return encoded(Image.fromarray(bscan("a", 0).astype(np.uint16) * 257), "png")


CASES: dict[str, tuple[Callable[[Content], Content], str]] = {
    "1 a case missing": (lambda c: {n: d for n, d in c.items() if "000_" not in n}, "E_MISSING: case is missing"),
    "2 an empty picture": (lambda c: c | {FIRST: b""}, "E_EMPTY: picture is empty"),
    "3 a truncated picture": (lambda c: c | {FIRST: picture("L")[:300]}, "E_FORMAT: not a readable picture"),
    "12 axes swapped": (
        lambda c: c | {FIRST: encoded(bscan("a", 0).T.copy(), "png")},
        "E_SHAPE: .*320 high x 448 wide",
    ),
    "41 60000 x 60000": (lambda c: c | {FIRST: claiming(60_000)}, "E_SIZE: picture is too large"),
    "42 slices of mixed size": (lambda c: c | {FIRST: encoded(bscan("a", 0)[:-1], "png")}, "E_SHAPE: .*_0.png"),
    "42 a gap in the numbers": (lambda c: without(c, FIRST), "E_MISSING: B-scans missing: 0"),
    "42 16 bits": (lambda c: c | {FIRST: sixteen_bits()}, "E_STACK: .*_0.png .*8 bits .*16 bits"),
    "42 RGBA": (lambda c: c | {FIRST: picture("RGBA")}, "E_STACK: .*_0.png .*RGBA"),
    "42 animated": (lambda c: c | {FIRST: animated()}, "E_STACK: picture is animated .*_0.png"),
    "42 turned by EXIF": (lambda c: c | {FIRST: turned()}, "E_STACK: picture asks to be shown turned .*_0.png"),
    "43 a TIFF named .png": (lambda c: c | {FIRST: b"II*\0" + bytes(99)}, "E_FORMAT: .*_0.png .*PNG or JPEG"),
    "43 an EPS named .png": (lambda c: c | {FIRST: b"%!PS-Adobe-3.0 EPSF-3.0\n"}, "E_FORMAT: .*_0.png"),
    "43 a JPEG named .png": (lambda c: c | {FIRST: encoded(bscan("a", 0), "jpg")}, "E_FORMAT: name and content differ"),
    "46 gzip for a picture": (lambda c: c | {FIRST: gzip.compress(picture("L"))}, "E_FORMAT: not a readable picture"),
}
"""Label -> (how the content is spoilt, what the line of the failed case says)."""

NFD = unicodedata.normalize("NFD", "TÖY-TEST-000")
WHOLE: dict[str, tuple[str, str]] = {
    "36 equal but for case": (FIRST.lower(), "E_COLLISION: .*write it TOY-TEST-000"),
    "37 another normal form": (f"{NFD}/{NFD}_0.png", "E_EXTRA: unexpected file"),
    "37 a trailing dot": ("TOY-TEST-000./TOY-TEST-000._0.png", "E_EXTRA: not a case of this split"),
    "37 a trailing space": ("TOY-TEST-000 /TOY-TEST-000 _0.png", "E_EXTRA: unexpected file"),
    "37 CON": ("CON/CON_0.png", "E_EXTRA: not a case of this split .*CON"),
    "38 a newline": (f"{FIRST}\n", "E_EXTRA: unexpected file"),
    "38 300 characters": (f"{'a' * 120}/{'b' * 180}.png", "E_EXTRA: unexpected file"),
    "39 a case nobody asked for": ("OTHER/OTHER_0.png", "E_EXTRA: not a case of this split .*OTHER .*remove it"),
    "39 a seventh B-scan": ("TOY-TEST-000/TOY-TEST-000_6.png", "E_EXTRA: unexpected file"),
    "40 a B-scan twice": (FIRST[:-3] + "jpg", "E_DUPLICATE: B-scan 0 is there twice"),
    "44 a NIfTI (not taken)": ("TOY-TEST-000/TOY-TEST-000.nii.gz", "E_EXTRA: unexpected file .*jpg or .png"),
}
"""Label -> (name of one file more, what the refusal says)."""


@pytest.fixture(scope="module")
def good(small: Dataset) -> Content:
    return members(small)


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize("label", CASES)
def test_a_bad_picture_fails_its_case_alone(
    good: Content, small: Dataset, tmp_path: Path, kind: str, label: str
) -> None:
    change, words = CASES[label]
    source = write(tmp_path, change(good), kind)
    summary = import_archive(source, small, "test", tmp_path / "run", TEAM)
    codes = [case["code"] for case in summary["cases"].values()]
    assert codes == [words.split(":")[0], None, None]
    assert re.match(f"toy-test-000: {words}", (tmp_path / "run/private.log").read_text())
    assert len(list((tmp_path / "run/volumes").iterdir())) == 2


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize("label", WHOLE)
def test_a_file_that_has_no_place_refuses_the_whole(
    good: Content, small: Dataset, tmp_path: Path, kind: str, label: str
) -> None:
    name, words = WHOLE[label]
    with pytest.raises(BenchError, match=rf"^{words}") as caught:
        import_archive(write(tmp_path, good | {name: b"x"}, kind), small, "test", tmp_path / "run", TEAM)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "run").exists()


def bound_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is at most 108 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


FILES: dict[str, Callable[[Path], object]] = {
    "30 a link to held-out truth": lambda path: path.symlink_to(path.parent.parent.parent / "truth.png"),
    "31 a hard link to it": lambda path: path.hardlink_to(path.parent.parent.parent / "truth.png"),
    "32 a FIFO": os.mkfifo,
    "33 a socket": bound_socket,
    "33 a link to a folder": lambda path: path.symlink_to("/etc"),
    "33 a link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("label", FILES)
def test_what_is_no_plain_file_of_its_own_refuses_the_folder_at_once(
    good: Content, small: Dataset, tmp_path: Path, label: str
) -> None:
    (tmp_path / "truth.png").write_bytes(picture("L"))
    source = write(tmp_path, without(good, FIRST), "folder")
    FILES[label](source / FIRST)
    with pytest.raises(BenchError, match=r"^E_FILETYPE: a link, or no file .*_0\.png") as caught:
        import_archive(source, small, "test", tmp_path / "run", TEAM)
    assert caught.value.exit_code == 3


def test_34_a_sparse_tebibyte_fails_its_case_unread(good: Content, small: Dataset, tmp_path: Path) -> None:
    source = write(tmp_path, good, "folder")
    with open(source / FIRST, "r+b") as file:
        file.truncate(2**40)
    summary = import_archive(source, small, "test", tmp_path / "run", TEAM)
    assert [case["code"] for case in summary["cases"].values()] == ["E_SIZE", None, None]


def info(name: str, **attributes: Any) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member


ARCHIVES: dict[str, tuple[str | zipfile.ZipInfo, str]] = {
    "26 climbs out": ("../../x.png", "E_ARCHIVE: member's name leaves the archive"),
    "26 absolute": ("/etc/x.png", "E_ARCHIVE: member's name leaves the archive"),
    "27 a link": (info("TOY-TEST-000/TOY-TEST-000_0.jpg", external_attr=0o120777 << 16), "E_ARCHIVE: member is a link"),
    "28 unknown method": (
        info("TOY-TEST-000/TOY-TEST-000_0.jpg", compress_type=zipfile.ZIP_LZMA),
        "E_ARCHIVE: unknown compression",
    ),
}


@pytest.mark.parametrize("label", ARCHIVES)
def test_an_archive_that_would_do_harm_is_refused_and_nothing_is_written(
    good: Content, small: Dataset, tmp_path: Path, label: str
) -> None:
    member, words = ARCHIVES[label]
    archive = write_archive(tmp_path / "submit.zip", {**good, member: b"x"})
    with pytest.raises(BenchError, match=rf"^{words}"):
        import_archive(archive, small, "test", tmp_path / "run", TEAM)
    assert [path.name for path in tmp_path.iterdir()] == ["submit.zip"]


def test_28_encryption_is_refused(small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", {FIRST: b"x"})
    archive.write_bytes(re.sub(rb"(?<=PK\x01\x02.{4})\x00", b"\x01", archive.read_bytes(), flags=re.S))
    with pytest.raises(BenchError, match="E_ARCHIVE: member is encrypted"):
        import_archive(archive, small, "test", tmp_path / "run", TEAM)


def test_29_a_million_entries_are_refused_before_they_are_listed(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = b"PK\x01\x02" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"x"
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (len(entry) * 10**6).to_bytes(4, "little") + bytes(6)
    (tmp_path / "submit.zip").write_bytes(entry * 10**6 + end)
    monkeypatch.setattr(zipfile.ZipFile, "infolist", None)
    with pytest.raises(BenchError, match=r"E_ARCHIVE: .*too many members"):
        import_archive(tmp_path / "submit.zip", small, "test", tmp_path / "run", TEAM)


def test_24_a_member_twice_is_refused(good: Content, small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", good | {"TOY-TEST-000/TOY-TEST-000_9.png": good[FIRST]})
    archive.write_bytes(archive.read_bytes().replace(b"000_9.png", b"000_0.png"))
    with pytest.raises(BenchError, match="E_DUPLICATE: B-scan 0 is there twice"):
        import_archive(archive, small, "test", tmp_path / "run", TEAM)


def test_25_a_bomb_is_capped_while_it_is_unpacked(good: Content, small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", good | {FIRST: bytes(2**28)})
    assert archive.stat().st_size < 2**20
    summary = import_archive(archive, small, "test", tmp_path / "run", TEAM)
    assert summary["cases"]["toy-test-000"]["code"] == "E_SIZE"


def test_46_a_gzip_in_the_place_of_a_zip_is_refused(small: Dataset, tmp_path: Path) -> None:
    (tmp_path / "submit.zip").write_bytes(gzip.compress(b"x"))
    with pytest.raises(BenchError, match="E_ARCHIVE: not a readable zip archive"):
        import_archive(tmp_path / "submit.zip", small, "test", tmp_path / "run", TEAM)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_command_tells_it_in_one_line_and_ends_with_3_or_4(
    good: Content, small: Dataset, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path, good | {"OTHER/OTHER_0.png": b"x"}, kind)
    assert run(["--quiet", "score", str(source), "--data", str(small.folder), "--runs", str(tmp_path)]) == 3
    assert re.fullmatch(r"E_EXTRA: not a case of this split \| where: .*OTHER.*\n", capsys.readouterr().err)


def test_the_same_pictures_are_the_same_run_in_a_zip_and_in_a_folder(
    good: Content, small: Dataset, tmp_path: Path
) -> None:
    found = [
        import_archive(write(tmp_path, good, kind), small, "test", tmp_path / f"run-{kind}", TEAM)
        for kind in ("zip", "folder")
    ]
    assert found[0]["volumes_hash"] == found[1]["volumes_hash"]
    assert RunFolder(tmp_path / "run-folder").plan()["container"] == "png"
