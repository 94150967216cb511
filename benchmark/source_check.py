"""The code of a submission, read as text: does it parse, is the generator there, would it answer the calls made to it.

Nothing is imported: the folder's own files are parsed, and what comes from an installed package is taken on trust.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.submission_tree import tree_files
from fundus2oct.metrics.errors import BenchError

FACTORY_ARGUMENTS = ("device", "folder")
GENERATE_ARGUMENTS = ("eye", "seed")
BATCH_ARGUMENTS = ("eyes", "seeds")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def source_problems(submission: Submission, folder: Path) -> list[BenchError]:
    """What will fail when the worker imports the code: one error each.

    Args:
        submission: names the generator, ``module:callable``.
        folder: of the submission.
    """
    trees, problems = _parsed(folder)
    if submission.generator.startswith("fundus2oct."):
        return problems
    module, name = submission.generator.split(":")
    candidates = [f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"]
    found = next((candidate for candidate in candidates if (folder / candidate).is_file()), None)
    if found is None:
        return [*problems, *_absent_module(submission, folder, candidates)]
    if found in trees:
        problems += _target_problems(trees[found], name, folder / found, submission.generator)
    for path, tree in trees.items():
        problems += _method_problems(tree, folder / path)
    if submission.batch and not any(_methods(tree, "generate_batch") for tree in trees.values()):
        what, expected = (
            "batch = true, but no class has the method",
            "generate_batch(self, fundus_list, *, eyes, seeds)",
        )
        problems.append(BenchError("E_PLUGIN", what, where=folder / found, expected=expected))
    return problems


def source_advice(folder: Path) -> list[BenchError]:
    """Imports of this package: a worker with its own Python does not have it."""
    trees, _ = _parsed(folder)
    return [
        BenchError(
            "E_PLUGIN",
            "imports fundus2oct, which is absent where the generator has a Python of its own",
            where=f"{folder / path}, line {node.lineno}",
            fix="copy what you need into this folder",
        )
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        if any(module.split(".")[0] == "fundus2oct" for module in _imported(node))
    ]


def _parsed(folder: Path) -> tuple[dict[str, ast.Module], list[BenchError]]:
    """Path below the folder -> syntax tree of every Python file that parses, and an error for every other."""
    trees: dict[str, ast.Module] = {}
    problems = []
    for file in tree_files(folder):
        if file.is_plain and file.path.suffix == ".py":
            try:
                trees[file.name] = ast.parse(file.path.read_bytes())
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = getattr(error, "lineno", None)
                where = f"{file.path}, line {line}" if line else file.path
                found = getattr(error, "msg", str(error))
                problems.append(BenchError("E_PLUGIN", "not Python that parses", where=where, found=found))
    return trees, problems


def _absent_module(submission: Submission, folder: Path, candidates: Sequence[str]) -> Iterator[BenchError]:
    """A module outside the folder must come with the environment that the submission names."""
    if submission.requirements or submission.python:
        return
    expected = " or ".join(candidates)
    found = ", ".join(sorted(path.name for path in folder.glob("*.py"))) or "no Python file"
    yield BenchError("E_PLUGIN", "the generator's module is missing", where=folder, expected=expected, found=found)


def _target_problems(tree: ast.Module, name: str, path: Path, target: str) -> Iterator[BenchError]:
    bound = {bound: node for node in tree.body for bound in _bound_names(node)}
    if name not in bound and "*" not in bound:
        callables = ", ".join(name for name, node in bound.items() if isinstance(node, Function | ast.ClassDef))
        fix = f"define {name}(*, device, folder), or correct the key generator"
        yield BenchError("E_PLUGIN", f"{target} is not there", where=path, found=callables or "nothing", fix=fix)
    node = bound.get(name)
    if isinstance(node, Function):
        yield from _signature_problems(node, FACTORY_ARGUMENTS, path, skip=0)


def _bound_names(node: ast.stmt) -> Iterator[str]:
    """Names that a statement at a module's top level binds, also inside if, try and with."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    else:
        yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        yield from (n.name for n in ast.walk(node) if isinstance(n, Function | ast.ClassDef))


def _method_problems(tree: ast.Module, path: Path) -> Iterator[BenchError]:
    for method in _methods(tree, "generate"):
        if {"eye", "seed"} & {argument.arg for argument in _arguments(method)}:
            yield from _signature_problems(method, GENERATE_ARGUMENTS, path, skip=2)
    for method in _methods(tree, "generate_batch"):
        yield from _signature_problems(method, BATCH_ARGUMENTS, path, skip=2)


def _methods(tree: ast.Module, name: str) -> list[Function]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [node for c in classes for node in c.body if isinstance(node, Function) and node.name == name]


def _arguments(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _signature_problems(function: Function, keywords: Sequence[str], path: Path, *, skip: int) -> Iterator[BenchError]:
    """Whether a function can be called with these keywords, behind ``skip`` arguments by place."""
    given = function.args
    where = f"{path}, line {function.lineno}"
    expected = f"{function.name}({', '.join([*['...'] * bool(skip), *keywords])})"
    named = {argument.arg for argument in [*given.args[skip:], *given.kwonlyargs]}
    missing = [keyword for keyword in keywords if keyword not in named]
    if missing and given.kwarg is None:
        what = f"{function.name}() does not take {' and '.join(missing)}"
        yield BenchError("E_PLUGIN", what, where=where, expected=expected)
    by_place = [*given.posonlyargs, *given.args]
    needed = by_place[skip : len(by_place) - len(given.defaults)] if skip < len(by_place) else []
    needed += [a for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    if extra := [argument.arg for argument in needed if argument.arg not in keywords]:
        what = f"{function.name}() needs {' and '.join(extra)}, which the benchmark does not give"
        yield BenchError("E_PLUGIN", what, where=where, expected=expected)
    if isinstance(function, ast.AsyncFunctionDef):
        yield BenchError("E_PLUGIN", f"{function.name}() is async", where=where, expected=expected)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [] if node.level else [node.module or ""]
