"""Walls around strangers' code: which of them start on this machine, and how a worker is started behind them.

`bubblewrap` is the strong kind, `reduced` does without it, `none` is a process of its own and no wall. What starts is
found by starting it with the very arguments of a worker and a canary in its place. docs/sandbox.md says what each
kind promises.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from fundus2oct.benchmark import sandbox_bubblewrap, sandbox_filter, sandbox_reduced, sandbox_view
from fundus2oct.benchmark.worker_setup import Isolation, WorkerSetup
from fundus2oct.metrics.errors import BenchError

STRONGEST_FIRST: tuple[Isolation, ...] = ("bubblewrap", "reduced")
PROBE_SECONDS = 20.0
PIPE_BYTES = 2**20

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
"""What a worker without walls inherits; behind walls it inherits nothing."""

FIXED_VARIABLES = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads would make a busy machine many times slower
    "PYTHONHASHSEED": "0",  # `python -I` would ignore it
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",  # what is printed before a kill is in the log
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
INNER_VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "USER": "nobody",
    "LOGNAME": "nobody",
}

CANARY = """
import sys
try:
    open(sys.argv[1])
except OSError:
    print("held")
"""
"""Prints one word when a file of the harness, readable by everybody, cannot be opened from inside."""


@dataclass(frozen=True)
class Launch:
    """How to start a worker.

    Attributes:
        command: the program and its arguments.
        environment: its variables.
        descriptors: to be passed on.
        folder: the submission's folder as the worker sees it.
        import_paths: as the worker sees them.
        device: as the worker calls it.
        scratch: a private folder, to be removed after the worker's end if its launcher has not.
        sweeps: whether the program ends all that the worker left behind when it gets SIGTERM.
    """

    command: list[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]
    folder: str
    import_paths: list[str]
    device: str
    scratch: Path | None = None
    sweeps: bool = False


@contextlib.contextmanager
def launch(setup: WorkerSetup) -> Iterator[Launch]:
    """How to start ``setup``'s worker behind its walls; the descriptors are open until the context ends.

    With bubblewrap the *thread* that starts the worker must live as long as it: the kernel takes the thread's end for
    the harness's, and ends the sandbox.

    Raises:
        BenchError: E_SANDBOX when the generator could read what it must not.
    """
    if setup.isolation == "bubblewrap":
        with _behind_bubblewrap(setup) as found:
            yield found
    elif setup.isolation == "reduced":
        with _behind_reduced_walls(setup) as found:
            yield found
    else:
        yield _without_walls(setup)


def _without_walls(setup: WorkerSetup) -> Launch:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return Launch(
        command=[setup.python, str(sandbox_view.WORKER_FILE)],
        environment=kept | _fixed(setup),
        descriptors=(),
        folder=str(setup.folder),
        import_paths=list(setup.import_paths),
        device=setup.device,
    )


def _fixed(setup: WorkerSetup) -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return FIXED_VARIABLES | dict.fromkeys(threads, str(setup.limits.threads))


@contextlib.contextmanager
def _behind_bubblewrap(setup: WorkerSetup) -> Iterator[Launch]:
    inner, code = sandbox_bubblewrap.INNER_FOLDER, sandbox_bubblewrap.INNER_CODE
    sandbox_view.require_hidden(setup, [source for source, _ in sandbox_bubblewrap.shown(setup)])
    if os.geteuid() == 0:
        sandbox_view.require_readable(setup)
    with contextlib.ExitStack() as pipes:
        filter_program = sandbox_filter.filter_program(sockets=True)
        filter_pipe = None if filter_program is None else pipes.enter_context(_pipe_with(filter_program))
        arguments = sandbox_bubblewrap.arguments(setup, INNER_VARIABLES | _fixed(setup), filter_pipe)
        pipe = pipes.enter_context(_pipe_with(b"".join(os.fsencode(argument) + b"\0" for argument in arguments)))
        program = [*sandbox_bubblewrap.program(setup), setup.python, sandbox_bubblewrap.INNER_WORKER]
        yield Launch(
            command=[sandbox_bubblewrap.tool("bwrap"), "--args", str(pipe), "--", *program],
            environment={},
            descriptors=tuple(number for number in (pipe, filter_pipe) if number is not None),
            folder=inner,
            import_paths=[inner, code] if setup.import_paths else [code],
            device=sandbox_view.inner_device(setup.device),
        )


@contextlib.contextmanager
def _behind_reduced_walls(setup: WorkerSetup) -> Iterator[Launch]:
    sandbox_view.require_hidden(setup, list(sandbox_reduced.shown(setup)))
    if os.geteuid() == 0:
        sandbox_view.require_readable(setup, keeps_user=True)
    scratch = Path(tempfile.mkdtemp(prefix="fundus2oct-worker-"))
    variables = INNER_VARIABLES | {"HOME": str(scratch), "TMPDIR": str(scratch)} | _fixed(setup)
    with _pipe_with(sandbox_reduced.wishes(setup, [setup.python], variables, scratch)) as pipe:
        yield Launch(
            command=[
                *(sys.executable, "-I", "-S", str(sandbox_reduced.LAUNCHER_FILE), str(pipe)),
                str(sandbox_view.WORKER_FILE),
            ],
            environment={},
            descriptors=(pipe,),
            folder=str(setup.folder),
            import_paths=list(setup.import_paths),
            device=setup.device,
            scratch=scratch,
            sweeps=True,
        )


@contextlib.contextmanager
def _pipe_with(data: bytes) -> Iterator[int]:
    """The reading end of a pipe that holds ``data``: what is read from it once cannot be read again from inside."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb", buffering=0) as file:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            file.write(data)
        yield reading
    finally:
        os.close(reading)


def choose_isolation(wanted: str = "auto") -> Isolation:
    """The walls to use: what was asked for if it starts here, or the strongest that does.

    Args:
        wanted: one of `worker_setup.CHOICES`; "none" is never chosen unless it is asked for.

    Raises:
        BenchError: E_SANDBOX when it does not start, with what the machine said.
    """
    if wanted == "none":
        return "none"
    kinds = STRONGEST_FIRST if wanted == "auto" else (cast(Isolation, wanted),)
    reasons = {kind: why_not(kind) for kind in kinds}
    for kind, reason in reasons.items():
        if not reason:
            return kind
    raise BenchError(
        "E_SANDBOX",
        "no walls for strangers' code start on this machine",
        found="; ".join(f"{kind}: {reason}" for kind, reason in reasons.items()),
        fix="install bubblewrap, see docs/sandbox.md; for code that you trust type --sandbox none",
    )


@functools.cache
def why_not(isolation: Isolation) -> str:
    """Why these walls do not hold here, in a line; empty when they do. Tried once a process."""
    with tempfile.TemporaryDirectory(prefix="fundus2oct-probe-") as name:
        Path(name).chmod(0o755)
        secret = Path(name, "secret")
        secret.write_text("a worker must not read this")
        return _probe(WorkerSetup(target="", folder=Path(name, "empty"), isolation=isolation), secret)


def _probe(setup: WorkerSetup, secret: Path) -> str:
    try:
        with launch(replace(setup, hidden=[secret])) as found:
            done = subprocess.run(
                [*found.command[:-1], "-c", CANARY, str(secret)],
                env=dict(found.environment),
                pass_fds=found.descriptors,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_SECONDS,
                check=False,
                start_new_session=True,
            )
            if found.scratch is not None:
                shutil.rmtree(found.scratch, ignore_errors=True)
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    except subprocess.TimeoutExpired:
        return f"did not start within {PROBE_SECONDS:g} s"
    if done.returncode == 0:
        return "" if done.stdout == b"held\n" else "a file of the harness can be read from inside"
    return last_line(done.stderr.decode("utf-8", "replace").splitlines()) or f"ended with status {done.returncode}"


def last_line(lines: Iterable[str]) -> str:
    """The last line that says something, cut to 200 characters."""
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:200] if said else ""
