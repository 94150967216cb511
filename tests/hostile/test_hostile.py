"""Hostile generators, each behind walls and never without: what it tried was held, and nothing but its own case failed.

A folder is a submission with its verdict in `expected.toml`: the public code of its three cases (the second is the
attack; `|` separates what is right as well), how many attempts must be held at least, and for the reduced walls what
they do not hold. The line `ATTACK` in the private log is the positive control: the attack's code ran.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.benchmark import sandbox, worker
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.sandbox_limits import MIB, Limits
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup

HERE = Path(__file__).parent
PLUGINS = sorted(path.parent.name for path in HERE.glob("*/expected.toml"))
WALLS: tuple[Isolation, ...] = ("bubblewrap", "reduced")
FUNDUS = np.random.default_rng(0).integers(0, 256, (240, 250, 3), np.uint8)
LIMITS = Limits(
    start_seconds=60,
    case_seconds=1.5,
    memory_bytes=640 * MIB,
    processes=64,
    file_bytes=32 * MIB,
    tmp_bytes=64 * MIB,
    log_bytes=MIB // 4,
    threads=1,
)
PATIENT = {"fills_tmp", "floods_output", "storms_forks", "takes_memory_together", "searches_files", "uses_network"}
"""These do something slow before their time is up."""

END_SECONDS = 8.0
"""Longest that ending a worker may take, whatever it left."""


class Listeners:
    """Sockets that somebody could talk to from this machine, and what they heard."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[str] = []
        self.named, self.abstract = str(folder / "socket"), f"fundus2oct-{secrets.token_hex(8)}"
        unix = [self._bound(socket.AF_UNIX, name) for name in (self.named, "\0" + self.abstract)]
        four, six = self._bound(socket.AF_INET, ("127.0.0.1", 0)), self._bound(socket.AF_INET6, ("::1", 0))
        self.datagrams = self._bound(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)
        self.streams = [four, six, *unix]
        self.ports = {"tcp": four.getsockname()[1], "tcp6": six.getsockname()[1]}
        self.ports["udp"] = self.datagrams.getsockname()[1]
        for stream in self.streams:
            threading.Thread(target=self._accept, args=(stream,), daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def _bound(self, family: int, address: Any, kind: int = socket.SOCK_STREAM) -> socket.socket:
        found = socket.socket(family, kind)
        found.bind(address)
        if kind == socket.SOCK_STREAM:
            found.listen()
        return found

    def _accept(self, stream: socket.socket) -> None:
        while True:
            stream.accept()[0].close()
            self.heard.append(str(stream.getsockname()))

    def _receive(self) -> None:
        while True:
            _, sender = self.datagrams.recvfrom(99)
            self.heard.append(f"datagram from {sender}")


@pytest.fixture(scope="session")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Listeners:
    """Sockets that hear whatever is said to them: shown here, from outside the walls."""
    found = Listeners(tmp_path_factory.mktemp("listeners"))
    for stream in found.streams:
        with socket.socket(stream.family) as caller:
            caller.connect(stream.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.sendto(b"hello", found.datagrams.getsockname())
    assert wait_for(lambda: len(found.heard) == 5)
    found.heard.clear()
    return found


@pytest.fixture(scope="session", params=WALLS)
def walls(request: pytest.FixtureRequest) -> Isolation:
    """Walls that start on this machine."""
    isolation = cast(Isolation, request.param)
    if reason := sandbox.why_not(isolation):
        pytest.skip(f"{isolation} does not start here, and hostile code never runs without walls: {reason}")
    return isolation


@pytest.fixture(scope="session")
def neighbour(walls: Isolation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A harmless generator behind the same walls, at work all the while."""
    folder = tmp_path_factory.mktemp("neighbour")
    (folder / "generator.py").write_text(HARMLESS, encoding="utf-8")
    with worker_of(folder, walls, folder, LIMITS) as process:
        yield process


HARMLESS = """
import numpy as np

class Harmless:
    def generate(self, fundus, *, eye, seed):
        return np.random.default_rng(seed).integers(0, 256, (6, 320, 448), np.uint8)

def make_generator(*, device, folder):
    return Harmless()
"""


def worker_of(folder: Path, walls: Isolation, hidden: Path, limits: Limits) -> WorkerProcess:
    assert walls in WALLS, "hostile code never runs without walls"
    setup = WorkerSetup(
        target="generator:make_generator",
        folder=folder,
        import_paths=(str(folder),),
        isolation=walls,
        hidden=(hidden,) if hidden != folder else (),
        limits=limits,
    )
    return WorkerProcess(setup, folder.parent / f"{folder.name}.log")


def speckle(seed: int) -> NDArray[np.uint8]:
    """What every harmless case answers."""
    return np.random.default_rng(seed).integers(0, 256, worker.VOLUME_SHAPE, np.uint8)


def targets(dataset: Dataset, listeners: Listeners, token: str, secret: str) -> dict[str, Any]:
    """What the attackers are told; every path of it can be read by this test."""
    case = dataset.split("test")[0]
    found = {
        "truth": str(dataset.bscan_paths(case)[0]),
        "photograph": str(dataset.folder / case.fundus),
        "dataset": str(dataset.folder),
        "repository": str(HERE.parent.parent),
        "home": str(Path.home()),
        "python": str(Path(sys.executable).resolve()),
        "worker": worker.__file__,
    }
    assert all(Path(path).exists() for path in found.values())
    limits = {"memory_bytes": LIMITS.memory_bytes, "tmp_bytes": LIMITS.tmp_bytes, "file_bytes": LIMITS.file_bytes}
    sockets = {"named": listeners.named, "abstract": listeners.abstract, **listeners.ports}
    return found | limits | sockets | {"token": token, "secret": secret, "harness": os.getpid()}


def survivors(token: str) -> list[str]:
    """Processes of this machine that carry a token."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == token:
                found.append(path.parent.name)
        except OSError:  # it ended meanwhile
            continue
    return found


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    """Whether ``condition()`` becomes true within a while."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def expectation(name: str, walls: Isolation) -> dict[str, Any]:
    document = tomllib.loads((HERE / name / "expected.toml").read_text("utf-8"))
    special = document.pop("reduced", {})
    common: dict[str, Any] = {"held": 0, "got": [], "seen": False, "full_log": False}
    return common | document | (special if walls == "reduced" else {})


@pytest.mark.parametrize("name", PLUGINS)
def test_an_attack_is_held_and_costs_at_most_its_own_case(
    name: str,
    walls: Isolation,
    neighbour: WorkerProcess,
    listeners: Listeners,
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token, secret, expected = secrets.token_hex(7), secrets.token_hex(16), expectation(name, walls)
    monkeypatch.setenv("BENCH_SECRET", secret)
    folder = tmp_path / name
    shutil.copytree(HERE / name, folder)
    shutil.copy(HERE / "attack.py", folder)
    (folder / "targets.json").write_text(json.dumps(targets(small, listeners, token, secret)), encoding="utf-8")

    limits = LIMITS if name not in PATIENT else Limits(**(vars(LIMITS) | {"case_seconds": 20.0}))
    with worker_of(folder, walls, small.folder, limits) as hostile:
        answers = [hostile.generate(FUNDUS, eye="R", seed=seed) for seed in range(3)]
        seen = not expected["seen"] or wait_for(lambda: survivors(token))
        started = time.monotonic()
    assert time.monotonic() - started < END_SECONDS

    log = (tmp_path / f"{name}.log").read_text("utf-8", "replace")
    assert "ATTACK" in log.splitlines(), log
    got = [line.removeprefix("GOT ").split(": ")[0] for line in log.splitlines() if line.startswith("GOT ")]
    assert sorted(set(got) - set(expected["got"])) == [], log
    assert log.count("\nHELD ") >= expected["held"], log
    assert [a.code in codes.split("|") for a, codes in zip(answers, expected["codes"], strict=True)] == [True] * 3, (
        [(answer.code, answer.message) for answer in answers],
        log,
    )
    assert seen
    assert survivors(token) == []
    assert listeners.heard == []
    assert len(log) <= 2 * LIMITS.log_bytes
    assert not expected["full_log"] or len(log) >= LIMITS.log_bytes
    volume = neighbour.generate(FUNDUS, eye="R", seed=7).volume
    assert volume is not None
    assert np.array_equal(volume, speckle(7))


HARNESS = """
import sys
import numpy as np
from pathlib import Path
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import WorkerSetup

folder = Path(sys.argv[1])
setup = WorkerSetup(
    target="generator:make_generator", folder=folder, import_paths=(str(folder),), isolation=sys.argv[2]
)
with WorkerProcess(setup, folder.parent / "log") as process:
    process.generate(np.zeros((240, 240, 3), np.uint8), eye="R", seed=1)
"""
LASTING = """
from attack import TARGETS, carry_token, generator_that
import os, time

def attack():
    if os.fork() == 0:
        os.setsid()
    carry_token()
    time.sleep(60)

make_generator = generator_that(attack)
"""


def test_nothing_survives_a_harness_that_was_killed(walls: Isolation, tmp_path: Path) -> None:
    token, folder = secrets.token_hex(7), tmp_path / "generator"
    folder.mkdir()
    shutil.copy(HERE / "attack.py", folder)
    (folder / "generator.py").write_text(LASTING, encoding="utf-8")
    (folder / "targets.json").write_text(json.dumps({"token": token}), encoding="utf-8")
    command, place = [sys.executable, "-c", HARNESS, str(folder), walls], tmp_path / "tmp"
    place.mkdir()
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(place)}) as harness:
        assert wait_for(lambda: len(survivors(token)) == 2, seconds=30)
        harness.kill()
    assert wait_for(lambda: survivors(token) == [])
    assert wait_for(lambda: list(place.iterdir()) == [])
