"""The address that a site will stand at, as its organiser says it: checked before it enters a file."""

from __future__ import annotations

import re

from fundus2oct.metrics.errors import BenchError, ExitCode

ADDRESS = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?(/[A-Za-z0-9._~-]+)*/?")
MAX_LENGTH = 200


def check_address(address: str) -> str:
    """``address`` without a slash at its end.

    >>> check_address("https://eyes.example/board/")
    'https://eyes.example/board'

    Raises:
        BenchError: E_ADDRESS for anything but a plain https address.
    """
    if len(address) > MAX_LENGTH or not ADDRESS.fullmatch(address):
        raise BenchError(
            "E_ADDRESS",
            "bad address of the site",
            where="--address",
            expected=f"https://host/path of at most {MAX_LENGTH} plain characters, no user, query or fragment",
            found=repr(address)[:80],
            exit_code=ExitCode.USAGE,
        )
    return address.rstrip("/")
