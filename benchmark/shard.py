"""One worker's share of a work that several do at once: a stable rule that needs no talk between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

SPELLING = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, order=True)
class Shard:
    """Share ``index`` of ``count``, counted from 1.

    >>> Shard(2, 4).takes("p1"), sum(Shard(i, 4).takes("p1") for i in (1, 2, 3, 4))
    (False, 1)
    """

    index: int
    count: int

    def takes(self, name: str) -> bool:
        """Whether a name falls to this share: by its sha256, so that names which come later move no other."""
        return int.from_bytes(_digest(name)[:8], "big") % self.count == self.index - 1

    def share(self, names: Iterable[str]) -> frozenset[str]:
        """Those of a complete list of names that fall to this share: shares differ by one name at most.

        >>> [len(Shard(i, 2).share("abcdefgh")) for i in (1, 2)]
        [4, 4]
        """
        return frozenset(sorted(names, key=_digest)[self.index - 1 :: self.count])

    @property
    def folder_name(self) -> str:
        """Where its files lie, such as ``002-of-004``."""
        return f"{self.index:03d}-of-{self.count:03d}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8")).digest()


def read_shard(text: str) -> Shard:
    """The share that ``i/N`` names.

    Raises:
        ValueError: unless it is i/N with 1 <= i <= N.
    """
    found = SPELLING.fullmatch(text)
    shard = Shard(int(found[1]), int(found[2])) if found else None
    if shard is None or not 1 <= shard.index <= shard.count:
        raise ValueError(f"{text!r} is not i/N with 1 <= i <= N, such as 2/4")
    return shard


def _option(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    try:
        return None if value is None else read_shard(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


SHARD_OPTION = click.option(
    "--shard", callback=_option, metavar="i/N", help="Do only share i of N, such as 2/4: for several machines."
)
