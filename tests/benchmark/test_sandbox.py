"""The walls from outside: which are chosen, what they show, what they refuse to show, whose fault a failed start is."""

from __future__ import annotations

import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_folders import SPECKLE, write_plugin

from fundus2oct.benchmark import cli, sandbox, sandbox_bubblewrap, sandbox_filter, sandbox_reduced, sandbox_view
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.sandbox_limits import MIB, Limits
from fundus2oct.benchmark.volume_source import run_source
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup
from fundus2oct.metrics.errors import BenchError, ExitCode

ROOT = Path(__file__).parent.parent.parent
FUNDUS = np.zeros((240, 240, 3), np.uint8)


def setup_of(folder: Path, **others: Any) -> WorkerSetup:
    return WorkerSetup(
        target="toy_plugin:make_generator",
        folder=folder,
        import_paths=(str(folder),),
        **{"python": sys.executable, **others},
    )


def arguments(setup: WorkerSetup) -> list[str]:
    return [*sandbox_bubblewrap.arguments(setup, {}, None)]


@pytest.fixture(params=["bubblewrap", "reduced"])
def walls(request: pytest.FixtureRequest) -> Isolation:
    """Walls that start here."""
    isolation: Isolation = request.param
    if reason := sandbox.why_not(isolation):
        pytest.skip(f"{isolation} does not start here: {reason}")
    return isolation


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without walls."""
    monkeypatch.setattr(sandbox, "why_not", lambda isolation: f"no {isolation} here")


def test_without_walls_nothing_runs_unless_one_types_none(nothing_starts: None) -> None:
    with pytest.raises(BenchError, match=r"^E_SANDBOX: .*no bubblewrap here; reduced: no reduced here.*--sandbox none"):
        sandbox.choose_isolation()
    assert sandbox.choose_isolation("none") == "none"


def test_auto_takes_the_strongest_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "why_not", lambda isolation: "")
    assert sandbox.choose_isolation() == "bubblewrap"
    monkeypatch.setattr(sandbox, "why_not", lambda isolation: "" if isolation == "reduced" else "refused")
    assert sandbox.choose_isolation() == "reduced"
    with pytest.raises(BenchError, match=r"bubblewrap: refused"):
        sandbox.choose_isolation("bubblewrap")


def test_the_command_refuses_before_it_plans_anything(
    nothing_starts: None, small: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["generate", str(write_plugin(tmp_path / "p")), "--data", str(small.folder), "--out", str(run)]
    assert cli.run([*arguments, "--sandbox", "auto"]) == ExitCode.INVALID
    assert capsys.readouterr().err.startswith("E_SANDBOX")
    assert not run.exists()


def test_walls_that_let_a_file_through_do_not_count(walls: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    system = sandbox_view.system_folders()
    monkeypatch.setattr(sandbox_view, "system_folders", lambda: [*system, Path("/tmp")])
    monkeypatch.setattr(sandbox_view, "require_hidden", lambda setup, shown: None)
    assert sandbox.why_not.__wrapped__(walls) == "a file of the harness can be read from inside"


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_bubblewrap, "tool", lambda name: f"/nowhere/{name}")
    assert sandbox.why_not.__wrapped__("bubblewrap") == "/nowhere/bwrap is not installed"


@pytest.mark.parametrize("isolation", ["bubblewrap", "reduced"])
def test_a_dataset_inside_the_generators_folder_is_refused(tmp_path: Path, isolation: Isolation) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    (plugin / "data/deep").mkdir(parents=True)
    setup = setup_of(plugin, isolation=isolation, hidden=(plugin / "data/deep",))
    with (
        pytest.raises(BenchError, match=r"^E_SANDBOX: .*must not.*data/deep.*a folder of its own"),
        sandbox.launch(setup),
    ):
        pass


def test_of_this_project_three_folders_are_shown_and_never_the_repository(tmp_path: Path) -> None:
    setup = setup_of(write_plugin(tmp_path / "plugin"))
    for shown in ([path for path, _ in sandbox_bubblewrap.shown(setup)], [*sandbox_reduced.shown(setup)]):
        assert not any(ROOT.is_relative_to(path.resolve()) for path in shown)
        ours = {path.name for path in shown if path.parent == ROOT}
        assert ours == {"metrics", "benchmark", "baselines"}


def test_another_interpreter_sees_nothing_of_this_project_but_the_worker(tmp_path: Path) -> None:
    setup = setup_of(write_plugin(tmp_path / "plugin"), python="/usr/bin/python3", prefixes=("/usr",))
    inside = [path for path, _ in sandbox_bubblewrap.shown(setup) if path.is_relative_to(ROOT)]
    assert inside == [sandbox_view.WORKER_FILE]


def test_what_is_not_hashed_is_not_shown(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    for name in (".git", "results", "__pycache__", "weights"):
        (plugin / name).mkdir()
    shown = [path.name for path in sandbox_view.submission_entries(setup_of(plugin))]
    assert shown == ["submission.toml", "toy_plugin.py", "weights"]


def test_a_link_is_followed_inside_and_never_outside(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    (plugin / "truth").symlink_to("/etc/shadow")
    found = arguments(setup_of(plugin))
    assert found[found.index("/plugin/truth") - 2 :][:2] == ["--symlink", "/etc/shadow"]


def test_a_module_of_the_working_folder_is_shown_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plugin(tmp_path)
    (tmp_path / "submission.toml").unlink()
    (tmp_path / "private").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in sandbox_view.submission_entries(setup_of(Path.cwd()))] == ["toy_plugin.py"]


def test_too_many_files_and_special_files_are_refused(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    os.mkfifo(plugin / "pipe")
    with pytest.raises(BenchError, match=r"E_FILETYPE.*pipe"):
        list(sandbox_view.submission_entries(setup_of(plugin)))
    for i in range(sandbox_view.MAX_ENTRIES):
        (plugin / f"{i}.txt").touch()
    with pytest.raises(BenchError, match=r"E_SANDBOX.*too many files.*sub-folder"):
        list(sandbox_view.submission_entries(setup_of(plugin)))


def test_what_root_alone_may_read_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    (plugin / "net").mkdir()
    (plugin / "net/weights.npy").touch(0o600)
    (plugin / "net/weights.npy").chmod(0o600)
    with pytest.raises(BenchError, match=r"net/weights\.npy .* mode 600, owner 0 .* chmod -R a\+rX"):
        sandbox_view.require_readable(setup_of(plugin))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to somebody else")
def test_reduced_walls_name_what_belongs_to_somebody_else_alone(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "home/plugin")
    weights = plugin / "weights.npy"
    weights.touch()
    weights.chmod(0o600)
    sandbox_view.require_readable(setup_of(plugin), keeps_user=True)  # its own files it may read
    os.chown(weights, 1234, 1234)
    with pytest.raises(BenchError, match=r"weights\.npy .* mode 600, owner 1234 .* chmod -R a\+rX .*plugin"):
        sandbox_view.require_readable(setup_of(plugin), keeps_user=True)
    os.chown(plugin.parent, 1234, 1234)
    plugin.parent.chmod(0o700)
    with pytest.raises(BenchError, match=r"home \| .* mode 700, owner 1234 .* chmod a\+x .*home, or move"):
        sandbox_view.require_readable(setup_of(plugin), keeps_user=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone becomes another user behind the walls")
def test_an_organiser_who_skips_the_check_learns_which_file_to_open(
    small: Dataset, walls: Isolation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = write_plugin(tmp_path / "plugin", make="(folder / 'weights.npy').read_bytes()")
    (plugin / "weights.npy").touch()
    (plugin / "weights.npy").chmod(0o600)
    os.chown(plugin / "weights.npy", 1234, 1234)
    places = [f"--{name}={tmp_path / name}" for name in ("runs", "private", "results")]
    call = ["--quiet", "score", str(plugin), "--data", str(small.folder), "--sandbox", walls, *places]
    assert cli.run(call) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"E_SANDBOX: the sandbox's user cannot read this | where: {plugin / 'weights.npy'} | ")
    assert line.endswith(f"found: mode 600, owner 1234 | fix: chmod -R a+rX {plugin}")


@pytest.mark.parametrize(("user", "alone"), [(0, "--cap-add"), (1000, "--disable-userns")])
def test_root_becomes_nobody_and_a_user_gets_a_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, alone: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    setup = setup_of(write_plugin(tmp_path / "plugin"))
    assert [name in arguments(setup) for name in ("--cap-add", "--disable-userns")] == [alone == "--cap-add", user != 0]
    assert any(Path(word).name == "setpriv" for word in sandbox_bubblewrap.program(setup)) is (user == 0)


def test_what_lies_below_tmp_is_bound_after_tmp_is_made(tmp_path: Path) -> None:
    found = arguments(setup_of(write_plugin(tmp_path / "plugin")))
    assert found.index("/tmp") < found.index("/plugin/toy_plugin.py")
    assert found[-2:] == ["--remount-ro", "/"]


def test_the_assigned_gpu_alone_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert sandbox_view.gpu_nodes("cpu") == []
    assert Path("/dev/nvidia1") in sandbox_view.gpu_nodes("cuda:1")
    assert Path("/dev/nvidia0") not in sandbox_view.gpu_nodes("cuda:1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert sandbox_view.gpu_nodes("cuda:1")[0] == Path("/dev/nvidia7")
    assert sandbox_view.gpu_nodes("cuda")[0] == Path("/dev/nvidia5")


def verdict(program: bytes, machine: int, number: int, first: int = 0) -> int:
    """What the kernel would answer: the classic BPF machine, as far as the filter uses it."""
    data = struct.pack("<iIQ6Q", number, machine, 0, first, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("<HBBI", program))
    place, value = 0, 0
    while True:
        code, true, false, k = steps[place]
        if code == sandbox_filter.RETURN:
            return k
        if code == sandbox_filter.LOAD:
            (value,) = struct.unpack_from("<I", data, k)
            place += 1
            continue
        holds = {
            sandbox_filter.EQUAL: value == k,
            sandbox_filter.AT_LEAST: value >= k,
            sandbox_filter.ANY_BIT: value & k,
        }
        place += 1 + (true if holds[code] else false)


@pytest.mark.parametrize("name", sandbox_filter.MACHINES)
@pytest.mark.parametrize("sockets", [True, False])
def test_the_filter_refuses_what_it_lists_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, name: str, sockets: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: name)
    program, machine = sandbox_filter.filter_program(sockets=sockets), sandbox_filter.MACHINES[name]
    assert program is not None

    def answer(number: int, first: int = 0) -> int:
        return verdict(program, machine.audit_number, number, first)

    allowed = {name for name, number in machine.calls.items() if answer(number) == sandbox_filter.ALLOW}
    assert allowed == ({"clone", "socket"} if sockets else {"clone"})
    assert answer(machine.calls["clone"], 0x10000000 | 17) == sandbox_filter.REFUSE
    assert answer(machine.calls["clone3"]) == sandbox_filter.UNKNOWN
    others = set(range(400)) - set(machine.calls.values())
    assert {answer(number) for number in others} == {sandbox_filter.ALLOW}
    assert verdict(program, 0x40000003, 0) == sandbox_filter.REFUSE
    assert answer(0x40000000 + 1) == sandbox_filter.UNKNOWN


def test_an_unknown_processor_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc")
    assert sandbox_filter.filter_program(sockets=True) is None


def test_a_worker_that_does_not_start_is_nobodys_failed_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fundus2oct.benchmark.worker_process.RETRY_SECONDS", 0.0)
    plugin = write_plugin(tmp_path / "plugin")
    process = WorkerProcess(setup_of(plugin, python="/bin/false"), tmp_path / "log")
    with pytest.raises(BenchError, match=r"^E_WORKER: .*nothing of the generator has run") as caught:
        process.generate(FUNDUS, eye="R", seed=0)
    assert caught.value.exit_code == ExitCode.INTERNAL
    assert (tmp_path / "log").read_text().count("did not start") == 3


def test_a_start_that_fails_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = iter([OSError(11, "no more processes")])
    launch = sandbox.launch

    def troubled(setup: WorkerSetup) -> Any:
        for error in trouble:
            raise error
        return launch(setup)

    monkeypatch.setattr(sandbox, "launch", troubled)
    with WorkerProcess(setup_of(write_plugin(tmp_path / "plugin")), tmp_path / "log") as process:
        assert process.generate(FUNDUS, eye="R", seed=0).code == ""
    assert "no more processes" in (tmp_path / "log").read_text()


def test_walls_change_no_byte_and_stand_in_plan_run_and_result(
    walls: Isolation, small: Dataset, finished_run: Path, tmp_path: Path
) -> None:
    plugin = str(write_plugin(tmp_path / "plugin"))
    hashes = {}
    for isolation in ("none", walls):
        run = tmp_path / isolation
        arguments = ["--quiet", "generate", plugin, "--data", str(small.folder), "--out", str(run)]
        assert cli.run([*arguments, "--sandbox", isolation]) == 0
        summary = RunFolder(run).summary()
        hashes[isolation] = summary["volumes_hash"]
        assert summary["generator"]["isolation"] == RunFolder(run).plan()["generator"]["isolation"] == isolation
        assert run_source(RunFolder(run), small, "test").provenance["isolation"] == isolation
    assert hashes["none"] == hashes[walls]


@pytest.mark.parametrize("by_name", [False, True])
def test_a_fitted_reference_generator_runs_behind_walls(
    walls: Isolation, small: Dataset, tmp_path: Path, by_name: bool
) -> None:
    folder = tmp_path / "fitted"
    assert cli.run(["--quiet", "train", "constant", "--data", str(small.folder), "--out", str(folder)]) == 0
    reference = resolve("constant", folder=folder) if by_name else resolve(str(folder))
    assert generate_run(reference, small, "test", tmp_path / "run", isolation=walls)["failures"] == {}


def test_inside_the_board_and_the_repository_do_not_exist(walls: Isolation, tmp_path: Path) -> None:
    body = f"""
        import fundus2oct.benchmark.fundus_crop
        found, tests = 0, {str(ROOT / "tests")!r}
        for attempt in (lambda: __import__("fundus2oct.leaderboard.board_view"), lambda: os.listdir(tests)):
            try:
                attempt()
                found += 1
            except (ImportError, OSError):
                pass
        return np.full((6, 320, 448), found, np.uint8)
    """
    setup = setup_of(write_plugin(tmp_path / "plugin", body), isolation=walls)
    with WorkerProcess(setup, tmp_path / "log") as process:
        answer = process.generate(FUNDUS, eye="R", seed=0)
    assert answer.volume is not None, answer.message
    assert answer.volume.max() == 0


def test_memory_beyond_the_limit_is_told_apart_from_a_crash(walls: Isolation, tmp_path: Path) -> None:
    body = f"if seed: x = np.ones(2**31, np.uint8)\n{SPECKLE}"
    setup = setup_of(
        write_plugin(tmp_path / "plugin", body), isolation=walls, limits=Limits(memory_bytes=768 * MIB, threads=1)
    )
    with WorkerProcess(setup, tmp_path / "log") as process:
        codes = [process.generate(FUNDUS, eye="R", seed=seed).code for seed in (0, 1, 0)]
    assert codes == ["", "E_MEMORY", ""]
