"""The Python of a submission: found from its files without being run, made once from requirements, and really used."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_folders import write_plugin

from fundus2oct.benchmark import plugin_environment, sandbox
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.plugin_environment import interpreter_prefixes, requirement_lines
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup
from fundus2oct.metrics.errors import BenchError

ROOT = Path(__file__).parent.parent.parent
FUNDUS = np.zeros((224, 224, 3), np.uint8)


def plugin(folder: Path, body: str, **keys: str) -> Path:
    write_plugin(folder, body)
    write_submission(folder, Submission(team="toy", method="own", generator="toy_plugin:make_generator", **keys))  # type: ignore[arg-type]  # all of these keys are texts
    return folder


def bare_environment(folder: Path) -> Path:
    """A virtual environment with numpy, whose files are ours once more, and nothing else."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python3*/site-packages")
    ours = Path(np.__file__).parent.parent
    for name in ("numpy", "numpy.libs"):
        if (ours / name).exists():
            shutil.copytree(ours / name, site / name, copy_function=_link_or_copy, ignore=SKIPPED)
    return folder


SKIPPED = shutil.ignore_patterns("tests", "__pycache__", "*.a", "*.pyi")


def _link_or_copy(source: str, target: str) -> None:
    """A second name for a file: behind walls a symbolic link would lead nowhere."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def answer(folder: Path, log: Path, isolation: Isolation = "none") -> np.ndarray:  # type: ignore[type-arg]
    found = resolve(str(folder))
    setup = WorkerSetup(
        target=found.target,
        folder=found.folder,
        import_paths=found.import_paths,
        python=found.environment.python,
        prefixes=found.environment.prefixes,
        isolation=isolation,
    )
    with WorkerProcess(setup, log) as worker:
        worker.start()
        volume = worker.generate(FUNDUS, eye="R", seed=0).volume
    assert volume is not None, log.read_text()
    return volume


@pytest.fixture(params=["bubblewrap", "reduced"])
def walls(request: pytest.FixtureRequest) -> Isolation:
    """Walls that start here."""
    isolation: Isolation = request.param
    if reason := sandbox.why_not(isolation):
        pytest.skip(f"{isolation} does not start here: {reason}")
    return isolation


LOOK = f"""
    import importlib.util, sys
    def opened(path):
        try:
            return bool(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
        except OSError:
            return False
    seen = {{
        "prefix": sys.prefix,
        "numpy": np.__file__,
        "package": importlib.util.find_spec("fundus2oct") is not None,
        "ours": [path for path in {[sys.prefix, str(ROOT), str(ROOT / "metrics/i3d.py")]!r} if opened(path)],
        "harness": sorted(os.listdir("/harness")) if os.path.isdir("/harness") else [],
    }}
    print("SEEN " + json.dumps(seen), file=sys.stderr)
    return np.full((6, 320, 448), 7, np.uint8)
"""
"""A generator that tells the log in what it runs and what it sees of ours."""


def seen_by(log: Path) -> dict[str, Any]:
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("SEEN ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SEEN "))
    return found


@contextlib.contextmanager
def strict_umask() -> Iterator[None]:
    """What is made meanwhile is its owner's alone, as on many servers."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("named_by", ["python", "requirements"])
def test_behind_walls_a_submission_runs_in_its_own_environment_and_sees_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walls: Isolation, named_by: str
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plugin_environment, "_install", lambda folder, wanted, path: bare_environment(folder))
    (tmp_path / "plugin").mkdir()
    if named_by == "python":
        bare_environment(tmp_path / "plugin/.venv")
        folder = plugin(tmp_path / "plugin", LOOK, python=".venv/bin/python")
    else:
        (tmp_path / "plugin/requirements.txt").write_text("numpy\n")
        folder = plugin(tmp_path / "plugin", LOOK, requirements="requirements.txt")
        with strict_umask():
            resolve(str(folder))
    assert (answer(folder, tmp_path / "log", walls) == 7).all()
    seen = seen_by(tmp_path / "log")
    place = "plugin/.venv" if named_by == "python" else "cache/environments"
    assert seen["prefix"].startswith(str(tmp_path / place))
    assert seen["numpy"].startswith(seen["prefix"])
    assert (seen["package"], seen["ours"]) == (False, [])
    assert seen["harness"] == (["worker.py"] if walls == "bubblewrap" else [])


def test_the_look_around_finds_our_package_where_it_is(tmp_path: Path) -> None:
    answer(plugin(tmp_path / "plugin", LOOK), tmp_path / "log")
    seen = seen_by(tmp_path / "log")
    assert seen["package"]
    assert seen["ours"] == [sys.prefix, str(ROOT), str(ROOT / "metrics/i3d.py")]


def test_a_submission_without_a_python_runs_in_ours(tmp_path: Path) -> None:
    found = resolve(str(plugin(tmp_path / "plugin", "pass"))).environment
    assert found.python == sys.executable
    assert sys.prefix in found.prefixes


def test_a_worker_runs_in_the_python_that_the_submission_names_without_our_package(tmp_path: Path) -> None:
    bare_environment(tmp_path / "plugin/.venv")
    body = "import importlib.util as u, sys; return np.full((6, 320, 448), bool(u.find_spec('fundus2oct')), np.uint8)"
    folder = plugin(tmp_path / "plugin", body + f" + {10} * ('.venv' in sys.prefix)", python=".venv/bin/python")
    assert (answer(folder, tmp_path / "log") == 10).all()


def test_its_prefixes_are_its_own_and_its_bases(tmp_path: Path) -> None:
    venv.create(tmp_path / "own", symlinks=True, with_pip=False)
    found = interpreter_prefixes(tmp_path / "own/bin/python")
    assert found[0] == str(tmp_path / "own")
    assert str(Path(os.path.realpath(sys.executable)).parent.parent) in found


def test_an_interpreter_is_judged_without_being_run(tmp_path: Path) -> None:
    fake = tmp_path / "plugin/bin/python"
    fake.parent.mkdir(parents=True)
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    fake.chmod(0o755)
    with pytest.raises(BenchError, match=r"E_ENVIRONMENT: the interpreter has no numpy .*pip install numpy"):
        resolve(str(plugin(tmp_path / "plugin", "pass", python="bin/python")))
    assert not (tmp_path / "ran").exists()


def test_an_absent_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_ENVIRONMENT: no such interpreter .*nowhere/python"):
        resolve(str(plugin(tmp_path / "plugin", "pass", python="nowhere/python")))


LINES = {
    "option": "--index-url https://elsewhere.example/simple",
    "editable": "-e .",
    "address": "torch @ https://elsewhere.example/torch.whl",
    "path": "./torch.whl",
    "another file": "-r more.txt",
    "program": "torch; import os",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_requirements_are_names_and_versions_only(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"numpy>=1.26\n{line}\n")
    with pytest.raises(BenchError, match=r"E_ENVIRONMENT: not a requirement .*requirements.txt, line 2"):
        requirement_lines(tmp_path / "requirements.txt")


def test_requirements_are_read_with_comments_and_numpy_is_added(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# the net\ntorch==2.8.0  # cpu\n\nsafetensors[torch]>=0.4\n")
    assert requirement_lines(tmp_path / "requirements.txt") == ["numpy", "safetensors[torch]>=0.4", "torch==2.8.0"]


def test_an_interrupted_environment_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "requirements.txt").write_text("numpy\n")
    made: list[Path] = []

    def install(folder: Path, wanted: list[str], requirements: Path) -> None:
        made.append(folder)
        folder.mkdir()
        if len(made) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(plugin_environment, "_install", install)
    with pytest.raises(KeyboardInterrupt):
        plugin_environment.made_environment(tmp_path / "requirements.txt")
    for _ in range(2):
        folder = plugin_environment.made_environment(tmp_path / "requirements.txt")
    assert made == [folder, folder]


@pytest.mark.slow
def test_requirements_become_an_environment_that_the_worker_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/requirements.txt").write_text("numpy\nsix==1.17.0\n")
    body = "import six; return np.full((6, 320, 448), len(six.__version__), np.uint8)"
    folder = plugin(tmp_path / "plugin", body, requirements="requirements.txt")
    try:
        volume = answer(folder, tmp_path / "log")
    except BenchError as error:
        if "E_ENVIRONMENT" in str(error) and "connect" in str(error).lower():
            pytest.skip(f"no package index can be reached here: {error}")
        raise
    assert (volume == len("1.17.0")).all()
    assert str(tmp_path / "cache") in resolve(str(folder)).environment.python


@pytest.mark.slow
def test_a_requirement_that_does_not_exist_is_told_in_the_installers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/requirements.txt").write_text("no-such-package==1\n")
    with pytest.raises(BenchError, match=r"E_ENVIRONMENT: the requirements cannot be installed .*no-such-package"):
        resolve(str(plugin(tmp_path / "plugin", "pass", requirements="requirements.txt")))
    assert not list((tmp_path / "cache/environments").glob("*/"))
