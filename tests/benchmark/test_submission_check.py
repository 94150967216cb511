"""`bench check`: every static problem is found in one pass, each with its code and a way to mend it; nothing is run."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from challenge_archive import members, write_archive

from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.submission_check import Report, check_submission
from fundus2oct.metrics.errors import BenchErrors

MANIFEST: dict[str, Any] = {
    "team": "kyoto",
    "method": "flow",
    "description": "Flows.",
    "licence": "Apache-2.0",
    "external_data": "",
    "compute": "one afternoon",
    "links": ["https://arxiv.org/abs/2506.07542"],
    "generator": "generator:make_generator",
}
GENERATOR = """\
raise SystemExit("imported")
import numpy as np
class Grey:
    def generate(self, fundus, *, eye, seed):
        return np.full((6, 320, 448), 90, np.uint8)
def make_generator(*, device, folder):
    return Grey()
"""
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission without a fault, whose code must not be run."""
    path = tmp_path / "flow"
    path.mkdir()
    (path / "generator.py").write_text(GENERATOR)
    (path / "weights.npy").write_bytes(b"weights")
    write(path, weights={"weights.npy": hashlib.sha256(b"weights").hexdigest()})
    return path


def write(folder: Path, **keys: Any) -> None:
    """Write `submission.toml` with some keys changed; None leaves one out."""
    document = {key: value for key, value in (MANIFEST | keys).items() if value is not None}
    (folder / "submission.toml").write_text(tomli_w.dumps(document), encoding="utf-8")


def code(old: str, new: str) -> Callable[[Path], object]:
    assert old in GENERATOR
    return lambda folder: (folder / "generator.py").write_text(GENERATOR.replace(old, new))


def put(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def link(name: str, target: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).symlink_to(target)


def sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)


def test_a_submission_without_a_fault_has_no_problems_and_no_advice(folder: Path) -> None:
    report = check_submission(folder)
    assert (report.kind, report.problems, report.advice) == ("code", (), ())


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no submission.toml": (
        lambda f: (f / "submission.toml").unlink(),
        r"E_MISSING: file is missing .*submission\.toml",
    ),
    "not TOML": (put("submission.toml", b"team ="), "E_MANIFEST: not valid TOML"),
    "an unknown key": (lambda f: write(f, fvd=1.0), "E_MANIFEST: key 'fvd'"),
    "no licence": (lambda f: write(f, licence=None), "E_MANIFEST: key 'licence': .*SPDX"),
    "a licence in words": (lambda f: write(f, licence="free for all"), "E_MANIFEST: key 'licence': .*free for all"),
    "external data not told": (lambda f: write(f, external_data=None), "E_MANIFEST: key 'external_data' is missing"),
    "a plain link": (lambda f: write(f, links=["http://a.org"]), "E_LINK: key 'links'"),
    "weights gone": (lambda f: (f / "weights.npy").unlink(), r"E_CHECKPOINT: weights are missing .*weights\.npy"),
    "weights changed": (put("weights.npy", b"other"), "E_CHECKPOINT: weights differ from their sha256"),
    "a pointer for weights": (put("weights.npy", POINTER), "E_CHECKPOINT: a Git LFS pointer, not the weights"),
    "a pointer elsewhere": (put("extra.npy", POINTER), "E_CHECKPOINT: a Git LFS pointer, not the file"),
    "a large file nobody named": (
        put("more.npy", bytes(2**20)),
        r'E_CHECKPOINT: a large file .*"more\.npy" = "30e14955',
    ),
    "no Python": (code("def make", "def def make"), r"E_PLUGIN: not Python that parses .*generator\.py, line 6"),
    "a NUL byte": (put("net.py", b"x = 1\0"), r"E_PLUGIN: not Python that parses .*net\.py"),
    "no module": (lambda f: (f / "generator.py").unlink(), r"E_PLUGIN: the generator's module is missing"),
    "another callable": (
        code("def make_generator", "def make"),
        r"E_PLUGIN: generator:make_generator is not there .*make",
    ),
    "no device": (code("*, device, folder", "folder"), r"E_PLUGIN: make_generator\(\) does not take device"),
    "one argument more": (code("device, folder", "device, folder, size"), r"E_PLUGIN: .* needs size, which"),
    "eye by place": (code("*, eye, seed", "eye"), r"E_PLUGIN: generate\(\) does not take seed"),
    "a third argument": (code("fundus, *", "fundus, disc, *"), r"E_PLUGIN: generate\(\) needs disc|does not take"),
    "async": (code("    def generate", "    async def generate"), r"E_PLUGIN: generate\(\) is async"),
    "batch without its method": (lambda f: write(f, batch=True), r"E_PLUGIN: batch = true, .*generate_batch"),
    "hides torch": (put("torch.py", b""), r"E_NAME: hides the module torch"),
    "hides json": (lambda f: ((f / "json").mkdir(), put("json/__init__.py", b"")(f)), "E_NAME: hides the module json"),
    "a link out": (link("data.npy", "../../etc/passwd"), r"E_FILETYPE: a link that leads out .*etc/passwd"),
    "an absolute link": (link("data.npy", "/etc/passwd"), "E_FILETYPE: a link that leads out"),
    "a folder that is a link": (link("data", "/etc"), "E_FILETYPE: a link that leads out"),
    "a link to nothing": (link("data.npy", "nothing.npy"), "E_MISSING: a link that leads nowhere"),
    "a pipe": (lambda f: os.mkfifo(f / "pipe"), "E_FILETYPE: neither a file nor a folder"),
    "a file for its owner alone": (lambda f: (f / "weights.npy").chmod(0o600), "E_RIGHTS: only its owner .*chmod"),
    "a folder for its owner alone": (
        lambda f: ((f / "net/a").mkdir(parents=True), put("net/a/b.npy", b"")(f), (f / "net/a").chmod(0o700)),
        r"E_RIGHTS: only its owner may enter it.*net/a \|",
    ),
    "a sparse tebibyte": (lambda f: sparse(f / "huge.npy"), "E_SIZE: the folder is too large .*found: 10995"),
    "names alike": (put("Weights.npy", b"weights"), "E_COLLISION: equal but for upper and lower case"),
    "a name that commands": (put("a\x1b[2J.npy", b""), r"E_NAME: bad file name .*x1b"),
    "no interpreter": (lambda f: write(f, python="nowhere/python"), "E_ENVIRONMENT: no such interpreter"),
    "no requirements": (lambda f: write(f, requirements="r.txt"), r"E_MISSING: file is missing .*r\.txt"),
    "requirements by address": (
        lambda f: (write(f, requirements="r.txt"), put("r.txt", b"-e .")(f)),
        "E_ENVIRONMENT: not a requirement",
    ),
    "too many files": (lambda f: [put(f"{i}.txt", b"")(f) for i in range(300)], "E_EXTRA: too many files at the top"),
}


@pytest.mark.parametrize(("spoil", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_found_before_anything_is_run(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(folder)
    report = check_submission(folder)
    with pytest.raises(BenchErrors) as caught:
        report.raise_problems(folder)
    assert caught.value.exit_code == 3
    match_any([problem.line() for problem in report.problems], words)


def match_any(lines: list[str], words: str) -> None:
    assert any(re.search(words, line) for line in lines), lines


def test_all_faults_are_told_at_once(folder: Path) -> None:
    write(folder, licence="mine", weights={"gone.npy": "0" * 64})
    code("*, device, folder", "")(folder)
    link("data.npy", "/etc/passwd")(folder)
    codes = [problem.code for problem in check_submission(folder).problems]
    assert sorted(codes) == ["E_CHECKPOINT", "E_FILETYPE", "E_MANIFEST", "E_PLUGIN"]


ADVICE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle": (put("net.pth", b"x"), "perhaps a pickle"),
    "our package": (put("net.py", b"import os\nfrom fundus2oct.metrics import errors"), r"imports fundus2oct.*line 2"),
    "no compute": (lambda f: write(f, compute=""), "key 'compute' is empty"),
}


@pytest.mark.parametrize(("spoil", "words"), ADVICE.values(), ids=ADVICE.keys())
def test_advice_stops_nothing(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    weights = {"weights.npy": hashlib.sha256(b"weights").hexdigest()}
    write(folder, weights=weights)
    spoil(folder)
    report = check_submission(folder)
    assert not report.problems
    match_any([advice.line() for advice in report.advice], words)


SOUND: dict[str, Callable[[Path], object]] = {
    "keywords of any name": code("*, device, folder", "**anything"),
    "an argument with a default": code("device, folder", "device, folder, size=3"),
    "made in another file": lambda f: (
        (f / "generator.py").write_text("from net import make_generator\n"),
        (f / "net.py").write_text(GENERATOR),
    ),
    "a class that is called": code("def make_generator(*, device, folder):", "make_generator = Grey\ndef other():"),
    "a method generate of another kind": code("class Grey", "class Noise:\n    def generate(self, n): ...\nclass Grey"),
    "a link inside": lambda f: (f / "same.npy").symlink_to("weights.npy"),
    "results and caches": lambda f: [
        (f / name).mkdir() or (f / name / "x").write_bytes(bytes(2**20)) for name in ("results", ".venv")
    ],
}


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND.keys())
def test_what_would_work_is_no_fault(folder: Path, change: Callable[[Path], object]) -> None:
    change(folder)
    assert check_submission(folder).problems == ()


def pictures(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def report_of(path: Path, small: Dataset | None) -> Report:
    return check_submission(path, small and small.split("test"))


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_pictures_are_checked_in_a_zip_and_in_a_folder(kind: str, small: Dataset, tmp_path: Path) -> None:
    content = members(small)
    lost = "TOY-TEST-001/TOY-TEST-001_3.png"
    broken = {name: data for name, data in content.items() if name != lost} | {"TOY-TEST-002/TOY-TEST-002_0.png": b"x"}

    def made(content: dict[str, bytes], name: str) -> Path:
        zipped = kind == "zip"
        return write_archive(tmp_path / f"{name}.zip", content) if zipped else pictures(tmp_path / name, content)

    assert report_of(made(content, "good"), small).problems == ()
    codes = {problem.code: problem.line() for problem in report_of(made(broken, "broken"), small).problems}
    assert set(codes) == {"E_MISSING", "E_FORMAT"}
    assert "B-scans missing: 3" in codes["E_MISSING"]
    assert "TOY-TEST-001" in codes["E_MISSING"]
    extra = made({**content, "OTHER/OTHER_0.png": b"x"}, "extra")
    assert [problem.code for problem in report_of(extra, small).problems] == ["E_EXTRA"]
    assert {problem.code for problem in report_of(extra, None).problems} == {"E_MISSING"}  # 1..5 of OTHER


def test_the_command_prints_every_problem_as_json_and_ends_with_3(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entry"] == "kyoto/flow"
    put("torch.py", b"")(folder)
    put("weights.npy", b"other")(folder)
    assert run(["check", str(folder), "--json"]) == 3
    captured = capsys.readouterr()
    assert [problem["code"] for problem in json.loads(captured.out)["problems"]] == ["E_NAME", "E_CHECKPOINT"]
    assert "E_MANY: 2 problems found" in captured.err


def test_nothing_at_the_path_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "no/such/folder"]) == 3
    assert "E_MISSING: nothing to check" in capsys.readouterr().err
