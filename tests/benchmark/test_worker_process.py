"""A real worker process against generators that misbehave: each is bounded, named, and harmless to the next case."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import plugin_folders
import pytest
from plugin_folders import SPECKLE, write_plugin

from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.worker_process import Answer, WorkerProcess
from fundus2oct.benchmark.worker_setup import WorkerSetup
from fundus2oct.metrics.errors import BenchError

FUNDUS = np.random.default_rng(0).integers(0, 256, (240, 250, 3), np.uint8)

PIPE = """
import fcntl, signal, stat
def answers():
    pipes = [fd for fd in range(3, 9) if is_open(fd) and stat.S_ISFIFO(os.fstat(fd).st_mode)]
    return next(fd for fd in pipes if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY)
def is_open(fd):
    return os.path.exists(f"/proc/self/fd/{fd}")
def forge(header, n=0):
    os.write(answers(), len(header).to_bytes(8, "little") + header + n.to_bytes(8, "little"))
"""
"""For generators that find the pipe of answers and write into it."""


def worker_of(folder: Path, **limits: Any) -> WorkerProcess:
    setup = WorkerSetup(
        target="toy_plugin:make_generator", folder=folder, import_paths=(str(folder),), limits=Limits(**limits)
    )
    return WorkerProcess(setup, folder / "private.log")


def ask(folder: Path, body: str, *, n: int = 1, top: str = "", **limits: Any) -> list[Answer]:
    """The answers of a new generator to the same photograph, with seeds 0, 1, ..."""
    with worker_of(write_plugin(folder / "plugin", body, top=top), **limits) as worker:
        return [worker.generate(FUNDUS, eye="R", seed=seed) for seed in range(n)]


def log_of(folder: Path) -> str:
    return (folder / "plugin" / "private.log").read_text(encoding="utf-8")


def test_the_generator_gets_the_photograph_the_eye_and_the_seed(tmp_path: Path) -> None:
    body = """
        v = np.zeros((6, 320, 448), np.uint8)
        v[0, :240, :250], v[1], v[2] = fundus[..., 1], seed, ord(eye)
        return v
    """
    volume = ask(tmp_path, body, n=2)[1].volume
    assert volume is not None
    assert np.array_equal(volume[0, :240, :250], FUNDUS[..., 1])
    assert volume[1:3, 0, 0].tolist() == [1, ord("R")]


def test_fortran_order_is_accepted_with_equal_values(tmp_path: Path) -> None:
    ramp = "np.arange(6 * 320 * 448).astype(np.uint8).reshape(6, 320, 448)"
    volume = ask(tmp_path, f"return np.asfortranarray({ramp})")[0].volume
    assert volume is not None
    assert np.array_equal(volume, np.arange(6 * 320 * 448).astype(np.uint8).reshape(6, 320, 448))


MISBEHAVIOUR: dict[str, tuple[str, str]] = {
    "raises": ("raise ValueError('too dark')", "E_PLUGIN"),
    "raises an error without text": ("raise type('E', (Exception,), {'__str__': lambda e: 1 / 0})", "E_PLUGIN"),
    "raises a long text": ("raise ValueError('網' * 10**6)", "E_PLUGIN"),
    "returns None": ("return None", "E_PLUGIN"),
    "returns a list": ("return [[1]]", "E_PLUGIN"),
    "returns NaN": ("return np.full((6, 320, 448), np.nan)", "E_NONFINITE"),
    "exits": ("sys.exit(0)", "E_CRASH"),
    "exits at once": ("os._exit(7)", "E_CRASH"),
    "aborts": ("os.abort()", "E_CRASH"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", "E_CRASH"),
    "sleeps": ("time.sleep(60)", "E_TIMEOUT"),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", "E_TIMEOUT"),
    "closes the pipe": ("os.close(answers())", "E_CRASH"),
    "writes rubbish into the pipe": ("os.write(answers(), b'x' * 99)", "E_PROTOCOL"),
    "announces a huge header": ("os.write(answers(), bytes([255]) * 8)", "E_PROTOCOL"),
    "announces a huge body": ("forge(b'{}', 2**60)", "E_PROTOCOL"),
    "answers with nested brackets": ("forge(b'[' * 60000)", "E_PROTOCOL"),
    "answers with a list": ("forge(b'[]')", "E_PROTOCOL"),
    "answers in no known encoding": ("forge(bytes([255, 254, 255]))", "E_PROTOCOL"),
    "answers ok without a volume": ('forge(b\'{"status": "ok"}\')', "E_PROTOCOL"),
    "patches json": ("json.dumps = lambda value: 'x'\nreturn None", "E_PROTOCOL"),
    "patches numpy": ("np.isfinite = lambda v: np.array([True])\nreturn np.full((6, 320, 448), np.nan)", "E_DTYPE"),
    "patches the check": (
        "sys.modules['__main__'].volume_problem = lambda v: None\nreturn np.full((6, 320, 448), np.nan)",
        "E_PROTOCOL",
    ),
}


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """One worker whose generator does what the seed says: seed i the i-th misbehaviour, seed 99 good work."""
    body = "".join(f"if seed == {i}:\n{indent(text, '    ')}\n" for i, (text, _) in enumerate(MISBEHAVIOUR.values()))
    folder = write_plugin(tmp_path_factory.mktemp("plugin"), body + SPECKLE, top=PIPE)
    with worker_of(folder, case_seconds=2.0) as worker:
        yield worker


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_misbehaviour_is_a_failed_case_and_the_next_case_is_served(misbehaving: WorkerProcess, name: str) -> None:
    failed = misbehaving.generate(FUNDUS, eye="R", seed=list(MISBEHAVIOUR).index(name))
    assert failed.volume is None
    assert failed.code == MISBEHAVIOUR[name][1]
    assert misbehaving.generate(FUNDUS, eye="R", seed=99).volume is not None


def test_a_code_that_is_no_code_counts_as_the_generators_fault(tmp_path: Path) -> None:
    answer = ask(tmp_path, "forge(b'{\"code\": [1]}'); time.sleep(60)", top=PIPE)[0]
    assert answer.code == "E_PLUGIN"


def test_a_worker_that_died_between_two_cases_fails_neither(tmp_path: Path) -> None:
    with worker_of(write_plugin(tmp_path / "plugin", f"signal.alarm(1)\n{SPECKLE}", top="import signal")) as worker:
        first = worker.generate(FUNDUS, eye="R", seed=0)
        time.sleep(1.5)
        assert [first.code, worker.generate(FUNDUS, eye="R", seed=1).code] == ["", ""]


def test_prints_do_not_disturb_the_answers_and_are_logged(tmp_path: Path) -> None:
    body = f"print('hello from the plugin'); os.write(1, b'raw' * 9); os.system('echo shell')\n{SPECKLE}"
    answers = ask(tmp_path, body, n=2)
    assert all(answer.volume is not None for answer in answers)
    assert all(words in log_of(tmp_path) for words in ("hello from the plugin", "rawraw", "shell"))


def test_endless_prints_fill_the_log_to_its_cap_only(tmp_path: Path) -> None:
    answers = ask(tmp_path, f"sys.stderr.write('x' * 10**6)\n{SPECKLE}", log_bytes=10_000)
    assert answers[0].volume is not None
    assert len(log_of(tmp_path)) == 10_000


def test_a_failing_case_leaves_its_traceback_in_the_private_log(tmp_path: Path) -> None:
    ask(tmp_path, "raise ValueError('too dark')")
    assert "E_PLUGIN: Traceback" in log_of(tmp_path)
    assert "ValueError: too dark" in log_of(tmp_path)


LOADING: dict[str, tuple[dict[str, str], str]] = {
    "import fails": ({"top": "import no_such_module"}, "No module named 'no_such_module'"),
    "syntax error": ({"top": "def"}, "SyntaxError"),
    "loading fails": ({"make": "raise RuntimeError('no weights')"}, "no weights"),
    "loading exits": ({"make": "os._exit(3)"}, "status 3"),
    "loading hangs": ({"make": "time.sleep(60)"}, "no answer within 1 s"),
    "no generator is returned": ({"make": "return None"}, "NoneType, which has no method generate()"),
    "wrong signature": ({"make": "return Plugin()"}, "missing 1 required positional argument"),
}


@pytest.mark.parametrize(("plugin", "words"), LOADING.values(), ids=LOADING.keys())
def test_a_generator_that_cannot_be_loaded_stops_the_run(tmp_path: Path, plugin: dict[str, str], words: str) -> None:
    folder = write_plugin(tmp_path / "plugin", **plugin)
    limit = 1.0 if "sleep" in str(plugin) else 60.0
    with worker_of(folder, start_seconds=limit) as worker, pytest.raises(BenchError, match=r"private\.log") as caught:
        worker.start()
    assert caught.value.code == "E_PLUGIN"
    assert words in caught.value.line()
    assert words in log_of(tmp_path)


def test_a_message_cannot_command_the_terminal(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "plugin", top=r"raise ValueError('\x1b[2Jcleared\u202e')")
    with worker_of(folder) as worker, pytest.raises(BenchError, match="cleared") as caught:
        worker.start()
    assert caught.value.line().isprintable()


def test_an_empty_message_is_still_an_error(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "plugin", top=PIPE + 'forge(b\'{"message": ""}\')')
    with worker_of(folder) as worker, pytest.raises(BenchError, match="no message"):
        worker.start()


def test_the_environment_is_fixed_and_keeps_the_harness_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SECRET", "token")
    body = "return np.full((6, 320, 448), (hash('retina') % 200) + 50 * ('BENCH_SECRET' in os.environ), np.uint8)"
    first, second = (ask(tmp_path / name, body)[0].volume for name in "ab")
    expected = subprocess.run(
        [sys.executable, "-c", "print(hash('retina') % 200)"],
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
    )
    assert first is not None
    assert np.array_equal(first, np.full_like(first, int(expected.stdout)))
    assert np.array_equal(first, second)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end the worker")
def test_a_worker_dies_with_a_killed_harness(tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugin", "(self.folder / 'pid').write_text(str(os.getpid())); time.sleep(60)")
    pid_file = tmp_path / "plugin" / "pid"
    support = str(Path(plugin_folders.__file__).parent)
    command = [sys.executable, __file__, str(tmp_path / "plugin")]
    harness = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": support})
    pid = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    harness.kill()
    harness.wait()
    assert wait_for(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Any, seconds: float = 20.0) -> Any:
    """What ``condition()`` returns once it is true; AssertionError after a while."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


if __name__ == "__main__":  # the harness that a test kills
    with worker_of(Path(sys.argv[1])) as started:
        started.generate(FUNDUS, eye="L", seed=0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_does_not_make_the_worker_wait(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    body = f"print('x' * 2_000_000, file=sys.stderr)\n{SPECKLE}"
    plugin = write_plugin(tmp_path / "plugin", body)
    setup = WorkerSetup(target="toy_plugin:make_generator", folder=plugin, import_paths=(str(plugin),))
    with WorkerProcess(setup, tmp_path / "log") as worker:
        worker.start()
        answer = worker.generate(FUNDUS, eye="L", seed=1)
    assert answer.code == ""
