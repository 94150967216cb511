"""The documentation is true: examples parse, commands and error codes are described, doctests run, links lead on."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from command_lines import parse

from fundus2oct.benchmark.command_reference import leaf_commands, reference_text
from fundus2oct.benchmark.error_codes import error_codes, page_text

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmark", "baselines", "metrics", "leaderboard")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = dict(leaf_commands())


def examples(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("bench ")]


def modules() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(("fundus2oct", *parts)).removesuffix(".__init__")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_its_help_with_an_example_that_parses(name: str) -> None:
    found = examples(COMMANDS[name].help or "")
    assert found, f"bench {name} has no example"
    for line in found:
        parse(line)


def test_the_parser_of_examples_notices_a_wrong_option() -> None:
    with pytest.raises(click.UsageError):
        parse("bench score demo/runs/ridge --data demo/data --no-such-option")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    silent = [p.name for p in COMMANDS[name].params if isinstance(p, click.Option) and not p.help]
    assert not silent


def test_the_command_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == reference_text(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_on_a_page_parses(page: Path) -> None:
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text("utf-8"), flags=re.S)
    for line in examples("\n".join(blocks).replace("\\\n", " ")):
        parse(line)
    assert page.stat().st_size > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_on_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_every_error_code_is_explained() -> None:
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    used = {code for path in sources for code in re.findall(r"\"(E_[A-Z]+)[\":]", path.read_text("utf-8"))}
    assert used == set(error_codes())


def test_the_page_of_error_codes_is_written_from_the_table() -> None:
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == page_text(), "run `make docs`"
    assert list(error_codes()) == sorted(error_codes())


@pytest.mark.parametrize("name", list(modules()))
def test_doctests_of_a_module_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
