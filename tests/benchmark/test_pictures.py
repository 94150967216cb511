"""Pictures for viewing: who must allow them, what they hold, that the budget is kept, and that a kill costs one eye."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shown_pictures import FAILED, Shown, write_shown

from fundus2oct.benchmark import picture_encoding as encoding
from fundus2oct.benchmark.picture_rights import licence_of, may_be_shown, may_repeat_training_eyes
from fundus2oct.benchmark.pictures_file import is_plain_webp, listed_files, read_pictures
from fundus2oct.benchmark.viewing_cases import PickedCases, picked_cases
from fundus2oct.metrics.errors import BenchError, ExitCode
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, WIDTH


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Pictures of all three eyes with the organiser's values. Not to be written to."""
    shown = write_shown(tmp_path_factory.mktemp("shown"))
    assert shown.make("--private", str(shown.root / "private")) == ExitCode.OK
    return shown


@pytest.fixture
def copy(made: Shown, tmp_path: Path) -> Shown:
    """The same in a folder that a test may change."""
    shutil.copytree(made.root, tmp_path / "copy")
    return Shown(made.dataset, tmp_path / "copy")


def document(shown: Shown) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shown.folder / "pictures.json").read_text("utf-8"))
    return found


def refused(shown: Shown, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line with which the command refuses; nothing may have been made."""
    capsys.readouterr()
    assert shown.make(*arguments) == ExitCode.INVALID
    assert not shown.folder.exists()
    return capsys.readouterr().err


def test_pictures_hold_the_photograph_the_truth_and_what_each_entry_drew(made: Shown) -> None:
    pictures = read_pictures(made.folder)
    eyes = pictures.document["eyes"]
    assert [eye["id"] for eye in eyes] == ["eye-01", "eye-02", "eye-03"]
    assert [eye["side"] for eye in eyes] == [case.eye for case in made.dataset.cases if case.split == "test"]
    assert eyes[FAILED]["entries"][0] is None
    strip = Image.open(io.BytesIO(pictures.files["eye-01/bscans/truth.webp"])).convert("L")
    truth = made.dataset.volume(made.dataset.split("test")[0]).reshape(-1, WIDTH)
    assert strip.size == (448, 1920)
    assert np.abs(np.asarray(strip, float) - truth).mean() < 6


def test_no_name_of_a_case_or_a_patient_is_in_them(made: Shown) -> None:
    names = {name for case in made.dataset.cases for name in (case.case_id, case.source_id, case.patient_id)}
    text = (made.folder / "pictures.json").read_text("utf-8")
    paths = " ".join(str(path) for path in made.folder.rglob("*"))
    assert not [name for name in names if name in text or name in paths]


def test_best_and_worst_come_from_the_values_of_cases_that_did_not_fail(made: Shown) -> None:
    blur, other = document(made)["entries"]
    assert {which: blur["cases"][which] for which in ("best", "worst")} == {
        "best": {"eye": "eye-03", "value": 0.75},
        "worst": {"eye": "eye-01", "value": 0.5},
    }
    assert (other["cases"]["worst"]["value"], other["cases"]["median"]["value"]) == (0.25, 0.5)
    assert document(made)["eyes"][0]["entries"][0]["value"] == 0.5


def test_every_file_is_a_plain_webp_and_the_bytes_are_told_truly(made: Shown) -> None:
    files = read_pictures(made.folder).files
    assert all(is_plain_webp(data) for data in files.values())
    assert document(made)["made"]["bytes"] == sum(map(len, files.values()))


def test_running_it_again_changes_nothing(copy: Shown) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in copy.folder.rglob("*.*")}
    assert copy.make("--private", str(copy.root / "private")) == ExitCode.OK
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in copy.folder.rglob("*.*")} == before


def test_a_best_eye_beyond_the_first_ones_is_shown_too(copy: Shown) -> None:
    assert copy.make("--eyes", "1", "--private", str(copy.root / "private"), methods=("blur",)) == ExitCode.OK
    cases = document(copy)["entries"][0]["cases"]
    assert [eye["id"] for eye in document(copy)["eyes"]] == ["eye-01", "eye-02"]
    assert (cases["best"]["eye"], cases["worst"]["eye"]) == ("eye-02", "eye-01")


def test_without_the_private_folder_no_value_is_told(copy: Shown) -> None:
    assert copy.make() == ExitCode.OK
    assert [entry["cases"] for entry in document(copy)["entries"]] == [None, None]
    assert document(copy)["eyes"][0]["truth"]["value"] is None


@pytest.mark.parametrize("place", ["eye made:2", "pictures.json written"])
def test_a_killed_run_goes_on_with_the_eyes_that_are_missing(copy: Shown, place: str) -> None:
    before = {path.relative_to(copy.folder): path.read_bytes() for path in copy.folder.rglob("*.*")}
    shutil.rmtree(copy.folder)
    places = ["--data", str(copy.root / "data"), "--results", str(copy.results)]
    runs = [str(copy.root / "runs" / method) for method in ("blur", "other")]
    command = ["--quiet", "pictures", *runs, *places, "--private", str(copy.root / "private")]
    code = f"from fundus2oct.benchmark.cli import main; main({command!r})"
    environment = {"BENCH_KILL_AT": place, "PATH": ""}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True)
    making = copy.folder.with_name(".making-test")
    kept = making / "eye-01" / "bscans" / "truth.webp"
    made_at = kept.stat().st_mtime_ns
    assert (killed.returncode, copy.folder.exists()) == (-9, False)
    assert copy.make("--private", str(copy.root / "private")) == ExitCode.OK
    again = (copy.folder / "eye-01" / "bscans" / "truth.webp").stat().st_mtime_ns
    assert again == made_at or place == "pictures.json written"  # then it begins anew, to keep its budget
    assert {path.relative_to(copy.folder): path.read_bytes() for path in copy.folder.rglob("*.*")} == before
    assert not making.exists()


def test_a_smaller_budget_lowers_the_quality_and_is_kept(copy: Shown) -> None:
    whole = document(copy)["made"]
    megabytes = (whole["bytes"] * 0.6 + 3 * 3 * 24_000) / 1e6
    assert copy.make("--budget", f"{megabytes:.3f}") == ExitCode.OK
    smaller = document(copy)["made"]
    on_disk = sum(path.stat().st_size for path in copy.folder.rglob("*.*"))
    assert smaller["quality"] < whole["quality"]
    assert on_disk <= megabytes * 1e6


def test_a_budget_that_cannot_be_kept_is_refused(copy: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy.folder)
    assert "E_SIZE: the pictures do not fit" in refused(copy, capsys, "--budget", "0.05")


def test_a_dataset_that_does_not_allow_pictures_is_refused(copy: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy.folder)
    table = copy.root / "data" / "dataset.toml"
    table.write_text(table.read_text("utf-8").replace("published = true", "published = false"), encoding="utf-8")
    assert re.match(r"E_LICENCE: .* may not be published .*CC0-1\.0", refused(copy, capsys))


def test_a_phase_that_does_not_disclose_pictures_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = write_shown(tmp_path, dataset={"pictures_may_be_published": False}, phase="final")
    assert "E_LICENCE: phase final does not disclose pictures" in refused(shown, capsys)


def test_eyes_under_a_licence_of_their_own_are_left_out(tmp_path: Path) -> None:
    shown = write_shown(tmp_path, licences={"toy-test-000": "all rights reserved", "toy-test-001": "CC-BY-4.0"})
    assert shown.make() == ExitCode.OK
    eyes = document(shown)["eyes"]
    assert [eye["licence"]["oct"] for eye in eyes] == ["CC-BY-4.0", "CC0-1.0"]


def test_no_eye_under_an_open_licence_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = write_shown(tmp_path, licences={f"toy-test-00{i}": "all rights reserved" for i in range(3)})
    assert "E_LICENCE: the licence of no eye allows pictures" in refused(shown, capsys)


def test_volumes_that_may_be_training_eyes_need_the_licence_of_every_training_eye(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = write_shown(tmp_path, licences={"toy-train-000": "all rights reserved"})
    line = refused(shown, capsys)
    assert "E_LICENCE: a drawn volume may repeat a training eye" in line
    assert "1 of 2 under another licence" in line


def test_an_entry_that_was_looked_at_and_repeats_nobody_needs_no_training_licence() -> None:
    looked = {"memorisation": {"reason": None, "flagged": 0}}
    flagged = {"memorisation": {"reason": None, "flagged": 1}}
    unknown = {"memorisation": {"reason": "no training volumes", "flagged": None}}
    assert not may_repeat_training_eyes({"controls": looked})
    assert all(may_repeat_training_eyes(record) for record in ({"controls": flagged}, {"controls": unknown}, {}))


def test_the_licence_of_an_image_goes_before_that_of_its_eye_and_of_the_dataset(made: Shown) -> None:
    case = made.dataset.cases[0]
    object.__setattr__(own := type(case)(**vars(case)), "columns", {"oct_licence": "x", "licence": "CC-BY-4.0"})
    assert (licence_of(made.dataset, case, "oct"), may_be_shown(made.dataset, case, "oct")) == ("CC0-1.0", True)
    assert (licence_of(made.dataset, own, "oct"), may_be_shown(made.dataset, own, "oct")) == ("x", False)
    assert (licence_of(made.dataset, own, "fundus"), may_be_shown(made.dataset, own, "fundus")) == ("CC-BY-4.0", True)


def test_a_run_without_a_record_is_refused(copy: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy.folder)
    shutil.rmtree(copy.results / "team" / "blur")
    assert "E_RECORD: no record of the volumes of team/blur" in refused(copy, capsys)


def damage_sha(folder: Path) -> None:
    path = folder / "eye-01" / "photograph.webp"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def damage_extra(folder: Path) -> None:
    (folder / "eye-01" / "toy-test-000.webp").write_bytes(b"RIFF")


def damage_missing(folder: Path) -> None:
    (folder / "eye-03" / "en-face" / "truth.webp").unlink()


def damage_eye(folder: Path) -> None:
    path = folder / "pictures.json"
    path.write_text(path.read_text("utf-8").replace('"eye": "eye-03"', '"eye": "eye-09"'), encoding="utf-8")


def damage_place(folder: Path) -> None:
    path = folder / "pictures.json"
    path.write_text(path.read_text("utf-8").replace('"split": "test"', '"split": "val"'), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (damage_sha, r"E_PICTURES: not the file .*photograph\.webp .*bench pictures"),
        (damage_extra, r"E_PICTURES: a file that pictures\.json does not name .*toy-test-000"),
        (damage_missing, r"E_MISSING: .*truth\.webp"),
        (damage_eye, r"E_PICTURES: team/blur names an eye that is not there .*eye-09"),
        (damage_place, r"E_PICTURES: these pictures belong elsewhere .*toy-1/val"),
    ],
)
def test_a_folder_that_is_not_as_told_is_refused(copy: Shown, damage: Callable[[Path], None], line: str) -> None:
    damage(copy.folder)
    with pytest.raises(BenchError, match=line):
        read_pictures(copy.folder)


def test_a_webp_with_a_camera_note_is_no_plain_one() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    plain, noted = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "WEBP")
    Image.new("RGB", (8, 8)).save(noted, "WEBP", exif=exif)
    assert is_plain_webp(plain.getvalue())
    assert not is_plain_webp(noted.getvalue())
    assert not is_plain_webp(plain.getvalue() + b"<script>")


def test_the_star_shows_each_line_where_it_was_scanned() -> None:
    line, column, on_line = encoding.star_places()
    middle = (encoding.EN_FACE_SIDE - 1) / 2
    for frame, angle in enumerate(np.deg2rad(ANGLES_DEG)):
        x, y = round(middle + 80 * np.cos(angle)), round(middle - 80 * np.sin(angle))
        assert (line[y, x], on_line[y, x]) == (frame, True)
        assert abs(column[y, x] - (223.5 + 160)) <= 2


def test_the_slab_is_the_mean_between_the_surfaces_and_unknown_where_one_is() -> None:
    volume = np.zeros((6, 320, 448), np.uint8)
    volume[:, 100:150] = 90
    ilm, bm = np.full((6, 448), 100.0), np.full((6, 448), 200.0)
    bm[2, 40] = np.nan
    values = encoding.slab(volume, ilm, bm)
    assert np.isnan(values[2, 40])
    assert np.allclose(np.delete(values[2], 40), 45.0)


@pytest.mark.parametrize("per_case", [True, False])
def test_a_phase_decides_whether_values_per_case_are_told(made: Shown, tmp_path: Path, per_case: bool) -> None:
    rule = {"per_case": per_case, "pictures": True, "digits": 3}
    result = json.loads((made.root / "private/team/other/toy-1/test/result.json").read_text("utf-8"))
    result["protocol"]["disclosure"] = rule
    record = tmp_path / "0001-89abcdef.json"
    record.with_name("0001-89abcdef.per_case.csv").write_text("case_id,code,ssim\na,,0.512\nb,E_CRASH,-1.0\n")
    found = picked_cases(record, result, made.root / "private")
    assert (found and found.values) == ({"a": 0.512} if per_case else None)


def test_of_equal_values_the_first_case_is_the_worst() -> None:
    picked = PickedCases(version="v", values={"b": 0.5, "a": 0.5, "c": 0.5}).picked()
    assert picked == {"best": "c", "median": "b", "worst": "a"}


def test_every_listed_file_has_its_own_place(made: Shown) -> None:
    paths = [path for path, _ in listed_files(document(made))]
    assert len(set(paths)) == len(paths) == 3 + 2 * (3 + 2 + 3)
