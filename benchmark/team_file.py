"""``ROOT/teams.toml``: which slugs are one team, and what the team is called.

::

    [kyoto]
    name = "Kyoto Eye Lab"
    slugs = ["kyoto", "kyoto-students"]

A quota counts all slugs of a team together, and the board shows the name. The organiser writes the file: a team cannot
give itself another's name. Loads neither torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.strict_toml import Key, raise_all, read_toml, table_problems
from fundus2oct.benchmark.submission_file import MAX_NAME, SLUG, is_clean_text
from fundus2oct.metrics.errors import BenchError

FILE_NAME = "teams.toml"


@dataclass(frozen=True)
class Team:
    """One team.

    Attributes:
        name: for readers.
        slugs: every slug it hands in under.
    """

    name: str
    slugs: tuple[str, ...]


def _are_slugs(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(slug, str) and SLUG.fullmatch(slug) for slug in value)


KEYS = {
    "name": Key(
        str,
        f"1 to {MAX_NAME} printable characters in one line",
        lambda value: bool(value) and "\n" not in value and is_clean_text(value, MAX_NAME),
    ),
    "slugs": Key(list, f"a list of {SLUG.pattern}", _are_slugs),
}


def read_teams(root: Path) -> tuple[Team, ...]:
    """The teams that the organiser named; none when the file is not there.

    Raises:
        BenchError: E_TEAMS with what is wrong, or BenchErrors with all of it.
    """
    path = root / FILE_NAME
    if not path.exists():
        return ()
    document = read_toml(path, code="E_TEAMS")
    raise_all(_problems(document, path), path)
    return tuple(Team(table["name"], tuple(table["slugs"])) for table in document.values())


def _problems(document: Mapping[str, Any], path: Path) -> Iterator[BenchError]:
    owners: dict[str, str] = {}
    for key, table in document.items():
        where = f"{path}, [{key}]"
        problems = list(table_problems(table, KEYS, where=where, code="E_TEAMS"))
        yield from problems
        for slug in [] if problems else table["slugs"]:
            if owners.setdefault(slug, key) != key:
                yield BenchError("E_TEAMS", "a slug belongs to two teams", where=where, found=slug)


def team_of(slug: str, teams: tuple[Team, ...]) -> Team | None:
    """The team that hands in under ``slug``; None when the organiser named none."""
    return next((team for team in teams if slug in team.slugs), None)


def slugs_of(slug: str, teams: tuple[Team, ...]) -> tuple[str, ...]:
    """Every slug of the team that hands in under ``slug``.

    >>> slugs_of("kyoto", (Team("Kyoto Eye Lab", ("kyoto", "kyoto-2")),))
    ('kyoto', 'kyoto-2')
    """
    team = team_of(slug, teams)
    return team.slugs if team else (slug,)
