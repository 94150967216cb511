"""Strangers' words in the formats that leave the site: a spreadsheet's cell, a LaTeX table, a Markdown report.

Every format has marks that mean something to the program that reads it; here they become plain characters. Each
function takes any text and gives one line. HTML is the templates' work, BibTeX that of `safe_text`.
"""

from __future__ import annotations

import re

from fundus2oct.leaderboard.safe_text import REPLACEMENT, one_line, visible

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula; some take the wide forms too."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after a line break an open bracket would be taken for its length
    "]": "{]}",
    "*": "{*}",
    "\N{MINUS SIGN}": r"\textminus{}",
    "\N{EN DASH}": "--",
    "\N{NO-BREAK SPACE}": "~",
    REPLACEMENT: "?",
} | {mark: "\\" + mark for mark in "#$%&_{}"}

_MARKDOWN = re.compile(r"[\\`*_\[\]>|~!#$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What makes emphasis, code, links, cells or headings, and what makes an address out of bare words."""


def spreadsheet_text(text: str) -> str:
    r"""``text`` as a cell that no spreadsheet takes for a formula; what would start one gets a quote before it.

    >>> spreadsheet_text("=HYPERLINK(\"https://evil.example\")"), spreadsheet_text("plain - words")
    ('\'=HYPERLINK("https://evil.example")', 'plain - words')
    """
    line = one_line(visible(text))
    return "'" + line if line.startswith(FORMULA_STARTS) or text.startswith(FORMULA_STARTS) else line


def latex_text(text: str) -> str:
    r"""``text`` as words of a LaTeX table: nothing starts a command, ends a cell or opens a comment.

    >>> latex_text("50 % & {x}\n\\end")
    '50 \\% \\& \\{x\\} \\textbackslash{}end'
    """
    return "".join(_LATEX.get(character, character) for character in one_line(visible(text)))


def markdown_text(text: str) -> str:
    r"""``text`` as words of a Markdown page: no mark-up, no link, no table cell, no HTML.

    >>> markdown_text("[x](https://evil.example) <b> *a*|")
    '\\[x\\](https\\://evil.example) &lt;b\\> \\*a\\*\\|'
    """
    escaped = one_line(visible(text)).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\g<0>", escaped)
