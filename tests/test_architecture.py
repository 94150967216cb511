"""The shape of the code: who may import whom, what loads late, and that nothing is left out of the installation."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmark", "baselines", "metrics", "leaderboard")
FOUNDATIONS = {"metrics.errors", "metrics.durable_file"}
ALLOWED = {
    "metrics": {"metrics"},
    "benchmark": {"benchmark", "metrics"},
    "baselines": {
        "baselines",
        "benchmark.generator",
        "benchmark.volume",
        "benchmark.dataset",
        "benchmark.submission_file",
        "benchmark.fundus_crop",
        "benchmark.progress",
        "benchmark.folder_lock",
        "benchmark.picture_file",
        "metrics.scan_geometry",
        *FOUNDATIONS,
    },
    "leaderboard": {
        "leaderboard",
        "benchmark.result_file",
        "benchmark.attestation_file",
        "benchmark.audit_file",
        "benchmark.entry_status",
        "benchmark.pairwise_file",
        "benchmark.pictures_file",
        "benchmark.ranking_file",
        "benchmark.filing_date",
        "benchmark.submission_file",
        "benchmark.timing_file",
        "benchmark.team_file",
        "benchmark.case_table",
        "benchmark.dataset",
        "benchmark.picture_file",
        "benchmark.progress",
        "metrics.catalogue",
        "metrics.metric_card",
        "metrics.inference",
        "metrics.scan_geometry",
        "metrics.retinal_layers",
        *FOUNDATIONS,
    },
}
"""The arrows of the design: package -> what of ours it may import (docs/decisions/0005-foundations.md)."""

LATE_COMMANDS = {("benchmark", "cli.py")}
"""The command table names other packages' commands as text; nothing else may."""


def source_files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> str | None:
    """`metrics.errors` for `fundus2oct.metrics.errors.BenchError`; None for other people's modules."""
    parts = module.split(".")
    if parts[0] != "fundus2oct" or len(parts) < 3:
        return None
    return ".".join(parts[1:3])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_design_allows(package: str) -> None:
    allowed = ALLOWED[package]
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in source_files(package)
        for module in map(ours, imported_modules(path))
        if module is not None and module not in allowed and module.split(".")[0] not in allowed
    }
    assert not wrong


def test_imports_are_absolute_and_never_bare() -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for package in PACKAGES
        for path in source_files(package)
        for module in imported_modules(path)
        if module.startswith(".") or module.split(".")[0] in PACKAGES
    }
    assert not wrong


def test_the_arrow_test_sees_a_wrong_arrow(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("def f():\n    from fundus2oct.baselines import ridge\n")
    assert "baselines.ridge" in {ours(module) for module in imported_modules(path)}


def test_setup_lists_every_package_folder() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {
        "fundus2oct." + ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed == folders


@pytest.mark.parametrize(
    "module",
    [
        "fundus2oct.metrics.catalogue",
        "fundus2oct.metrics.inference",
        "fundus2oct.metrics.scan_geometry",
        "fundus2oct.leaderboard.commands",
        "fundus2oct.benchmark.worker",
    ],
)
def test_light_modules_load_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_loads_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from fundus2oct.benchmark.cli import run; code = run(['--help']);"
        "sys.exit(code or bool({'torch', 'pandas', 'scipy', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "leaderboard" in done.stdout


def test_the_worker_needs_only_numpy() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "__future__"}
    found = {module.split(".")[0] for module in imported_modules(ROOT / "benchmark" / "worker.py")}
    assert found <= allowed


def test_every_file_says_what_is_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for package in (*PACKAGES, "tests")
        for path in source_files(package)
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent
