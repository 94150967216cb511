"""Every public error code: whose it is to mend, what it means, what to do. docs/errors.md is written from this table.

A code is raised where the problem is found, through `metrics.errors.BenchError`; here it is only explained. A new code
is a new block in `error_codes.toml` and `make docs`; tests compare the table with the code and with the page.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from fundus2oct.metrics.errors import ExitCode

PAGE = "docs/errors.md"


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """One row of the table.

    Attributes:
        code: as it stands at the start of an error's line.
        whose: `yours` is mended in the submission, the data or the command; `ours` lies with the harness or with the
            machine it runs on, is never held against an entry, and may be tried again.
        meaning: what it means, without a full stop.
        action: what to do.
    """

    code: str
    whose: Literal["yours", "ours"]
    meaning: str
    action: str

    @property
    def anchor(self) -> str:
        """Where its row stands: ``docs/errors.md#e_shape``."""
        return self.code.lower()


EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.OK: "done; up to 5 % of the cases may have failed and are listed",
    ExitCode.INTERNAL: "a defect of ours",
    ExitCode.USAGE: "usage: an unknown command or option",
    ExitCode.INVALID: "an invalid submission, dataset or file",
    ExitCode.CASES_FAILED: "cases missing or failed beyond the failure policy (more than 5 %)",
    ExitCode.VERIFICATION_MISMATCH: "verification found a mismatch",
    ExitCode.LIMIT_EXCEEDED: "a limit was exceeded",
    ExitCode.INTERRUPTED: "interrupted; running the same command again goes on",
}

HEADING = """# Errors and exit codes

Written by `make docs` from `benchmark/error_codes.toml`: edit that table, not this page.

Every error is one line on stderr: `CODE: what | where | expected | found | fix`. There is no traceback; `bench --debug`
shows one. Several problems found in one pass come as several lines. A generator's own traceback goes to its run's
`private.log`, and the line names that file.

## Exit codes

| code | meaning |
|---|---|
"""

SECOND_HEADING = """
## Error codes

*Yours* is mended in the submission, the data or the command. *Ours* lies with the harness or the machine: it is never
held against an entry, and the same command may be run again.

| code | what it means | what to do | whose |
|---|---|---|---|
"""


@functools.cache
def error_codes() -> dict[str, ErrorCode]:
    """Code -> its row, in the order of the table."""
    table = tomllib.loads(resources.files("fundus2oct.benchmark").joinpath("error_codes.toml").read_text("utf-8"))
    return {code: ErrorCode(code=code, **row) for code, row in table.items()}


def page_text() -> str:
    """The whole page docs/errors.md."""
    exits = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    return HEADING + exits + SECOND_HEADING + "".join(map(_row, error_codes().values()))


def _row(row: ErrorCode) -> str:
    return f'| `{row.code}` | <a id="{row.anchor}"></a>{row.meaning} | {row.action} | {row.whose} |\n'


if __name__ == "__main__":
    print(page_text(), end="")
