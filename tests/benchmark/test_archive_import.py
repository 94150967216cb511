"""Challenge archives: good ones become runs, and each bad one is refused, or fails its own case, by its own code."""

from __future__ import annotations

import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenge_archive import bscan, encoded, members, write_archive
from PIL import Image

from fundus2oct.benchmark import challenge_layout
from fundus2oct.benchmark.archive_import import import_archive
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import read_volume
from fundus2oct.metrics.errors import BenchError

TEAM = Submission(team="kyoto", method="images")
FIRST = "TOY-TEST-000/TOY-TEST-000_0.png"
Members = dict[Any, bytes]


@pytest.fixture(scope="module")
def good(small: Dataset) -> Members:
    """The members of a complete PNG archive."""
    return members(small)


def imported(archive: Path, dataset: Dataset) -> dict[str, Any]:
    return import_archive(archive, dataset, "test", archive.parent / "run", TEAM)


def codes_of(content: Members, folder: Path, dataset: Dataset) -> list[str | None]:
    summary = imported(write_archive(folder / "submit.zip", content), dataset)
    return [case["code"] for case in summary["cases"].values()]


@pytest.mark.parametrize(("kind", "container", "most"), [("png", "png", 0), ("jpg", "jpeg", 8)])
def test_a_good_archive_becomes_a_run(small: Dataset, tmp_path: Path, kind: str, container: str, most: int) -> None:
    assert codes_of(members(small, kind), tmp_path, small) == [None, None, None]
    run = RunFolder(tmp_path / "run")
    assert run.plan()["container"] == container
    difference = read_volume(run.volume_path("toy-test-001"))[4].astype(int) - bscan("TOY-TEST-001", 4)
    assert np.abs(difference).max() <= most


def test_one_jpeg_among_pngs_makes_the_container_jpeg(good: Members, small: Dataset, tmp_path: Path) -> None:
    content = {name: data for name, data in good.items() if name != FIRST}
    codes = codes_of(content | {FIRST[:-3] + "jpeg": encoded(bscan("TOY-TEST-000", 0), "jpg")}, tmp_path, small)
    assert codes == [None, None, None]
    assert RunFolder(tmp_path / "run").plan()["container"] == "jpeg"


def test_litter_of_file_managers_and_folders_are_ignored(good: Members, small: Dataset, tmp_path: Path) -> None:
    litter = ["__MACOSX/._x.png", ".DS_Store", "TOY-TEST-000/.DS_Store", "TOY-TEST-000/._a.png", "TOY-TEST-000/"]
    assert codes_of(good | dict.fromkeys(litter, b""), tmp_path, small) == [None, None, None]


def grey_rgb(kind: str) -> bytes:
    return encoded(Image.fromarray(bscan("TOY-TEST-000", 0)).convert("RGB"), kind)


def sixteen_bit() -> bytes:
    return encoded(Image.fromarray(bscan("TOY-TEST-000", 0).astype(np.uint16) * 257), "png")


def coloured() -> bytes:
    return encoded(Image.fromarray(np.stack([bscan("TOY-TEST-000", i) for i in (0, 2, 4)], axis=-1)), "png")


def mode(name: str) -> bytes:
    return encoded(Image.fromarray(bscan("TOY-TEST-000", 0)).convert(name), "png")


def animated() -> bytes:
    frames = [Image.fromarray(bscan("TOY-TEST-000", i)) for i in range(2)]
    return encoded(frames[0], "png", save_all=True, append_images=frames[1:])


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(bscan("TOY-TEST-000", 0)), "jpg", exif=exif)


def claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims other sides."""
    data = bytearray(mode("L"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


PICTURES: dict[str, tuple[Callable[[], bytes], str, str | None]] = {
    "grey JPEG as RGB": (lambda: grey_rgb("jpg"), "jpg", None),
    "grey PNG as RGB": (lambda: grey_rgb("png"), "png", None),
    "colours": (coloured, "png", "E_STACK"),
    "RGBA": (lambda: mode("RGBA"), "png", "E_STACK"),
    "grey with alpha": (lambda: mode("LA"), "png", "E_STACK"),
    "black and white": (lambda: mode("1"), "png", "E_STACK"),
    "palette": (lambda: mode("P"), "png", "E_STACK"),
    "16 bits": (sixteen_bit, "png", "E_STACK"),
    "animated": (animated, "png", "E_STACK"),
    "turned by EXIF": (turned, "jpg", "E_STACK"),
    "axes swapped": (lambda: encoded(bscan("a", 0).T.copy(), "png"), "png", "E_SHAPE"),
    "another size": (lambda: encoded(bscan("a", 0)[:-1], "png"), "png", "E_SHAPE"),
    "huge": (lambda: claiming(60_000, 60_000), "png", "E_SIZE"),
    "huge, but not for Pillow": (lambda: claiming(8_000, 8_000), "png", "E_SIZE"),
    "one side huge": (lambda: claiming(448, 2_049), "png", "E_SIZE"),
    "truncated JPEG": (lambda: encoded(bscan("a", 0), "jpg")[:-200], "jpg", "E_FORMAT"),
    "truncated PNG": (lambda: encoded(bscan("a", 0), "png")[:200], "png", "E_FORMAT"),
    "text": (lambda: b"not a picture", "jpg", "E_FORMAT"),
    "TIFF": (lambda: b"II*\0" + bytes(99), "png", "E_FORMAT"),
    "PNG named jpg": (lambda: encoded(bscan("a", 0), "png"), "jpg", "E_FORMAT"),
    "JPEG named png": (lambda: encoded(bscan("a", 0), "jpg"), "png", "E_FORMAT"),
    "empty": (bytes, "png", "E_EMPTY"),
    "too large when unpacked": (lambda: bytes(5 * 2**20), "png", "E_SIZE"),
}


@pytest.mark.parametrize(("make", "kind", "code"), PICTURES.values(), ids=PICTURES.keys())
def test_a_bad_picture_fails_its_case_alone(
    good: Members, small: Dataset, tmp_path: Path, make: Callable[[], bytes], kind: str, code: str | None
) -> None:
    content = {name: data for name, data in good.items() if name != FIRST} | {FIRST[:-3] + kind: make()}
    first, *others = codes_of(content, tmp_path, small)
    assert re.fullmatch(code or "None", str(first))
    assert others == [None, None]


@pytest.mark.parametrize(
    ("gone", "words"), [("TOY-TEST-000/", "case is missing"), ("TOY-TEST-000_3", "B-scans missing: 3")]
)
def test_a_missing_case_or_bscan_fails_that_case(
    good: Members, small: Dataset, tmp_path: Path, gone: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {name: data for name, data in good.items() if gone not in name}
    assert codes_of(content, tmp_path, small) == ["E_MISSING", None, None]
    assert words in capsys.readouterr().err
    assert words in (tmp_path / "run/private.log").read_text()


def info(name: str, **attributes: Any) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member


MEMBERS: dict[str, tuple[Any, str]] = {
    "case of another split": ("TOY-TRAIN-000/TOY-TRAIN-000_0.png", "E_EXTRA"),
    "unknown file": ("readme.txt", "E_EXTRA"),
    "seventh B-scan": ("TOY-TEST-000/TOY-TEST-000_6.png", "E_EXTRA"),
    "below a folder": (f"submit/{FIRST}", "E_EXTRA"),
    "newline in the name": (f"{FIRST}\n", "E_EXTRA"),
    "B-scan as PNG and as JPEG": (FIRST[:-3] + "jpg", "E_DUPLICATE"),
    "equal but for case": (FIRST.lower(), "E_COLLISION"),
    "climbs out": (f"../{FIRST}", "E_ARCHIVE"),
    "climbs out later": (f"a/../../{FIRST}", "E_ARCHIVE"),
    "absolute": (f"/{FIRST}", "E_ARCHIVE"),
    "backslashes": (FIRST.replace("/", "\\"), "E_ARCHIVE"),
    "link": (info("TOY-TEST-000/TOY-TEST-000_0.jpg", external_attr=0o120777 << 16), "E_ARCHIVE"),
    "LZMA": (info("TOY-TEST-000/TOY-TEST-000_0.jpg", compress_type=zipfile.ZIP_LZMA), "E_ARCHIVE"),
}


@pytest.mark.parametrize(("name", "code"), MEMBERS.values(), ids=MEMBERS.keys())
def test_a_bad_member_refuses_the_archive(good: Members, small: Dataset, tmp_path: Path, name: Any, code: str) -> None:
    archive = write_archive(tmp_path / "submit.zip", good | {name: b"x"})
    with pytest.raises(BenchError, match=rf"^{code}: .* where: .*submit\.zip: '") as caught:
        imported(archive, small)
    assert caught.value.exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["submit.zip"]


def test_a_member_twice_is_refused(good: Members, small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", good)
    with zipfile.ZipFile(archive, "a") as opened, warnings.catch_warnings(action="ignore"):
        opened.writestr(FIRST, good[FIRST])
    with pytest.raises(BenchError, match="E_DUPLICATE: B-scan 0 is there twice"):
        imported(archive, small)


def patched(archive: Path, offset: int, value: bytes) -> Path:
    """Change a field of every member in the archive's directory."""
    data = bytearray(archive.read_bytes())
    for match in re.finditer(b"PK\x01\x02", bytes(data)):
        data[match.start() + offset : match.start() + offset + len(value)] = value
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize(("offset", "value", "words"), [(8, b"\x01\0", "encrypted"), (10, b"\x63\0", "compression")])
def test_encryption_and_unknown_methods_are_refused(
    good: Members, small: Dataset, tmp_path: Path, offset: int, value: bytes, words: str
) -> None:
    archive = patched(write_archive(tmp_path / "submit.zip", good), offset, value)
    with pytest.raises(BenchError, match="E_MANY: 18 problems found") as caught:
        imported(archive, small)
    assert all(p.code == "E_ARCHIVE" and words in p.what for p in caught.value.problems)  # type: ignore[attr-defined]


def test_a_nul_byte_cannot_hide_a_part_of_a_name(good: Members, small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", good | {FIRST + "#.txt": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b".png#.txt", b".png\0.txt"))
    with pytest.raises(BenchError, match="E_ARCHIVE: member's name"):
        imported(archive, small)


def test_a_declared_size_that_lies_fails_the_case(good: Members, small: Dataset, tmp_path: Path) -> None:
    archive = patched(write_archive(tmp_path / "submit.zip", good | {FIRST: bytes(9 * 2**20)}), 24, b"\x10\0\0\0")
    assert set(imported(archive, small)["failures"]) == {"E_ARCHIVE"}


def test_a_bomb_is_capped_while_it_is_unpacked(
    good: Members, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenge_layout, "MAX_PICTURE_BYTES", 10_000)
    content = good | {FIRST: bytes(50 * 2**20)}
    assert codes_of(content, tmp_path, small)[0] == "E_SIZE"
    assert (tmp_path / "submit.zip").stat().st_size < 2**20


def test_too_many_members_are_refused(small: Dataset, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "submit.zip", {f"x{i}": b"" for i in range(1200)})
    with pytest.raises(BenchError, match=r"E_ARCHIVE: too many members .*expected: <= 1120 \| found: 1200"):
        imported(archive, small)


def test_a_huge_directory_is_refused_before_it_is_listed(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(tmp_path / "submit.zip", {f"{i:0200d}": b"" for i in range(3000)})
    monkeypatch.setattr(zipfile.ZipFile, "infolist", None)
    with pytest.raises(BenchError, match=r"E_ARCHIVE: .*too many members"):
        imported(archive, small)


NOT_ARCHIVES: dict[str, tuple[bytes | None, str]] = {
    "text": (b"not a zip archive at all", "E_ARCHIVE"),
    "nothing": (b"", "E_ARCHIVE"),
    "directory alone": (b"PK\x05\x06" + bytes(18), "E_EMPTY"),
    "missing": (None, "E_MISSING"),
}


@pytest.mark.parametrize(("data", "code"), NOT_ARCHIVES.values(), ids=NOT_ARCHIVES.keys())
def test_what_is_no_archive_is_refused(small: Dataset, tmp_path: Path, data: bytes | None, code: str) -> None:
    if data is not None:
        (tmp_path / "submit.zip").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^{code}: .*submit\.zip"):
        imported(tmp_path / "submit.zip", small)


def test_a_pipe_is_refused_at_once(small: Dataset, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "submit.zip")
    with pytest.raises(BenchError, match="E_FILETYPE"):
        imported(tmp_path / "submit.zip", small)


def test_reading_again_unpacks_nothing_twice(
    good: Members, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(tmp_path / "submit.zip", good)
    first = imported(archive, small)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert imported(archive, small) == first


def test_another_archive_is_another_run(good: Members, small: Dataset, tmp_path: Path) -> None:
    imported(write_archive(tmp_path / "submit.zip", good), small)
    with pytest.raises(BenchError, match=r"E_CHANGED: .*another generator \|"):
        imported(write_archive(tmp_path / "submit.zip", dict(reversed(good.items()))), small)


def test_no_flipped_byte_is_an_internal_error(small: Dataset, tmp_path: Path) -> None:
    content = dict.fromkeys(members(small), b"x" * 20)
    whole = write_archive(tmp_path / "good.zip", content).read_bytes()
    outcomes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = bytearray(whole)
        for i in rng.integers(0, len(data), 8):
            data[i] = rng.integers(0, 256)
        (tmp_path / f"{seed}.zip").write_bytes(data)
        try:
            outcomes |= set(
                import_archive(tmp_path / f"{seed}.zip", small, "test", tmp_path / f"{seed}", TEAM)["failures"]
            )
        except BenchError as error:
            outcomes.add(error.code)
    assert {"E_FORMAT", "E_ARCHIVE"} <= outcomes
