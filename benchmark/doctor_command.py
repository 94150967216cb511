"""`bench doctor`: what this machine offers, found by trying it: walls for strangers' code, devices, weights."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from fundus2oct.metrics.errors import ExitCode


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        name: what was tried.
        works: whether it is there and works.
        detail: what was found, or why not.
        fix: what to do where it does not work.
    """

    name: str
    works: bool
    detail: str
    fix: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable list.")
def doctor(as_json: bool) -> ExitCode:
    """Say what this machine offers, by trying it.

    Ends with 3 where no walls for strangers' code start; everything else is for information.

    \b
    Example:
      bench doctor
    """
    findings = [check() for check in CHECKS]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.works else '--':3} {finding.name:18} {finding.detail}")
            if finding.fix and not finding.works:
                click.echo(f"{'':22} fix: {finding.fix}")
    walls = [finding.works for finding in findings if finding.name in WALLS]
    return ExitCode.OK if any(walls) else ExitCode.INVALID


WALLS = ("bubblewrap", "reduced walls")


def python() -> Finding:
    """The interpreter and the system."""
    return Finding(
        "python", True, f"{platform.python_version()} in {sys.prefix}, {platform.system()} {os.uname().release}"
    )


def bubblewrap() -> Finding:
    """The strong walls, started with the very arguments of a worker."""
    from fundus2oct.benchmark.sandbox import why_not
    from fundus2oct.benchmark.sandbox_bubblewrap import tool

    reason = why_not("bubblewrap")
    mode = "as root, which becomes nobody inside" if os.geteuid() == 0 else "as an ordinary user"
    detail = reason or f"{_said([tool('bwrap'), '--version'])}, {mode}"
    return Finding("bubblewrap", not reason, detail, "apt-get install bubblewrap; see docs/sandbox.md")


def reduced_walls() -> Finding:
    """Landlock, seccomp and limits, started likewise."""
    from fundus2oct.benchmark.sandbox import why_not

    reason = why_not("reduced")
    return Finding("reduced walls", not reason, reason or "Landlock, seccomp and limits hold", "see docs/sandbox.md")


def landlock() -> Finding:
    """What the kernel's Landlock can restrict."""
    from fundus2oct.benchmark.sandbox_launcher import landlock_version

    version = landlock_version() if sys.platform == "linux" else 0
    also = [what for since, what in ((4, "TCP"), (5, "devices"), (6, "signals, abstract sockets")) if version >= since]
    detail = f"version {version}: {', '.join(['files', *also])}" if version else "the kernel has none"
    return Finding("landlock", version > 0, detail, "Linux 5.13 or later with landlock among its security modules")


def seccomp() -> Finding:
    """Whether system calls can be filtered on this kernel and processor."""
    from fundus2oct.benchmark.sandbox_filter import MACHINES

    known = platform.machine() in MACHINES
    kernel = Path("/proc/sys/kernel/seccomp/actions_avail").exists()
    detail = (
        f"{platform.machine()}: {'known' if known else 'not in the table'}{'' if kernel else ', no kernel support'}"
    )
    return Finding("seccomp", known and kernel, detail, "x86_64 and aarch64 are known")


def gpu() -> Finding:
    """What torch can compute on."""
    import torch

    names = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return Finding("gpu", bool(names), ", ".join(names) or "none that torch can use", "everything runs without, slower")


def memory() -> Finding:
    """Main memory, against the limit of a generator."""
    from fundus2oct.benchmark.sandbox_limits import GIB, Limits

    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = Limits().memory_bytes
    detail = f"{total / GIB:.1f} GiB; a generator may take {wanted / GIB:g} GiB"
    return Finding("memory", total >= wanted, detail, "generators that need all of their limit will not fit")


def disk() -> Finding:
    """Room below the working folder and in the folder of temporary files."""
    from fundus2oct.benchmark.sandbox_limits import GIB

    free = {name: shutil.disk_usage(name).free / GIB for name in (".", os.environ.get("TMPDIR", "/tmp"))}
    detail = ", ".join(f"{space:.1f} GiB free in {name}" for name, space in free.items())
    return Finding("disk", min(free.values()) >= 1, detail, "a run of 500 eyes takes about 0.4 GiB")


def weights() -> Finding:
    """Feature networks whose weights are installed and intact."""
    from fundus2oct.metrics import weight_registry
    from fundus2oct.metrics.errors import BenchError

    installed, missing = [], []
    for entry in weight_registry.REGISTRY:
        try:
            weight_registry.read_verified(entry)
            installed.append(entry.name)
        except BenchError:
            missing.append(entry.name)
    detail = f"installed: {', '.join(installed) or 'none'}; not: {', '.join(missing) or 'none'}"
    return Finding("weights", bool(installed), detail, "bench weights install i3d")


def browser() -> Finding:
    """The browser in which the site's own tests run; the site needs none."""
    found = shutil.which("chromium")
    detail = _said([found, "--version"]) if found else "not installed"
    return Finding("chromium", found is not None, detail, "needed for the site's tests alone: make system")


def _said(command: list[str]) -> str:
    """The first line that a program prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return (done.stdout.strip().splitlines() or [f"{command[0]} said nothing"])[0]


CHECKS: tuple[Callable[[], Finding], ...] = (
    *(python, bubblewrap, reduced_walls, landlock, seccomp),
    *(gpu, memory, disk, weights, browser),
)
