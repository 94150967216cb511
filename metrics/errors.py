"""The one error a user's mistake raises, and the exit codes the command line answers with.

Every package may import this module (docs/decisions/0005-foundations.md). It holds no logic: the code that finds a
problem says what, where, expected, found and what to do; `benchmark.cli` prints it as one line and exits.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """Exit codes of every `bench` command; documented in docs/errors.md and tested."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INVALID = 3
    CASES_FAILED = 4
    VERIFICATION_MISMATCH = 5
    LIMIT_EXCEEDED = 6
    INTERRUPTED = 130


class BenchError(Exception):
    """A problem the user can mend, told in one line.

    Args:
        code: stable public code, such as ``E_SHAPE``.
        what: the problem, as a short sentence without a full stop.
        where: file, folder, argument or case it was found in.
        expected: what the rule asks for.
        found: what was there instead.
        fix: what to do next.
        exit_code: the exit code of the command it ends.
    """

    def __init__(
        self,
        code: str,
        what: str,
        *,
        where: str | Path | None = None,
        expected: str | None = None,
        found: str | None = None,
        fix: str | None = None,
        exit_code: ExitCode = ExitCode.INVALID,
    ) -> None:
        self.code = code
        self.what = what
        self.where = None if where is None else str(where)
        self.expected = expected
        self.found = found
        self.fix = fix
        self.exit_code = exit_code
        super().__init__(self.line())

    def line(self) -> str:
        """The whole problem in one line: ``code: what | where | expected | found | fix``."""
        parts = [f"{self.code}: {self.what}"]
        for label in ("where", "expected", "found", "fix"):
            value = getattr(self, label)
            if value is not None:
                parts.append(f"{label}: {value}")
        return " | ".join(_printable(" ".join(part.split())) for part in parts)


def _printable(text: str) -> str:
    """Text without control characters: a stranger's file name or message must not command the reader's terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


class BenchErrors(BenchError):
    """Several problems found in one pass, reported together. Its exit code is the first one's.

    >>> BenchErrors([BenchError("E_NAME", "bad case id", where="cases.csv:3")], where="data").problems[0].code
    'E_NAME'
    """

    def __init__(self, problems: list[BenchError], *, where: str | Path) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__(
            "E_MANY" if count > 1 else problems[0].code,
            f"{count} problem{'s' if count > 1 else ''} found",
            where=where,
            exit_code=problems[0].exit_code,
        )
