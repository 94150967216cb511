"""What becomes of a missing or failed case: one rule for every run, printed on every board."""

from __future__ import annotations

from fundus2oct.metrics.errors import ExitCode

MAX_FAILED_SHARE = 0.05

TEXT = (
    "A missing or failed case gets each case metric's declared worst value, counts as a failure in anatomy, and enters "
    "set metrics as an all-black volume. A run with more than 5 % failed cases is not ranked."
)


def is_beyond_policy(failed: int, expected: int) -> bool:
    """Whether so many cases failed that the run is not ranked.

    >>> is_beyond_policy(1, 20), is_beyond_policy(2, 20)
    (False, True)
    """
    return failed > MAX_FAILED_SHARE * expected


def exit_code(failed: int, expected: int) -> ExitCode:
    """The exit code of generating or scoring with so many failed cases."""
    return ExitCode.CASES_FAILED if is_beyond_policy(failed, expected) else ExitCode.OK
