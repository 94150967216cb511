"""Strangers' text made fit to show: every character visible, or visibly replaced.

Escaping for HTML is the templates' work; here go the characters that escaping leaves alone and that still lie to a
reader: control, bidirectional and zero-width characters, lone surrogates. Called by the reader of the results tree
and by the BibTeX writer.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from markupsafe import Markup

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PATH = re.compile(r"(?<![\w/.:])(?:~?(?:/[\w.@%+-]+){2,}/?|[A-Za-z]:\\[\w.@%+\\-]+)")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_BIBTEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",  # BibTeX counts braces whether or not a backslash stands before them
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {mark: "\\" + mark for mark in "#$%&_"}


def visible(text: str) -> str:
    r"""``text`` in NFC with every unseen character but the line feed replaced by U+FFFD.

    >>> visible("a\u202eb\x00")
    'a�b�'
    """
    seen = (c if c == "\n" or unicodedata.category(c) not in _UNSEEN else REPLACEMENT for c in text)
    return unicodedata.normalize("NFC", "".join(seen))


def visible_everywhere(value: Any) -> Any:
    """A parsed JSON value with `visible` applied to every text in it, keys included."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [visible_everywhere(item) for item in value]
    if isinstance(value, dict):
        return {visible(key): visible_everywhere(item) for key, item in value.items()}
    return value


def without_places(text: str) -> str:
    """``text`` without what tells of a machine or a person: paths of a file system and addresses of mail.

    >>> without_places("cannot read /home/ann/eyes/7.npy or C:\\\\eyes\\\\7.npy, ask ann@example.org")
    'cannot read [path] or [path], ask [address]'
    """
    return _ADDRESS.sub("[address]", _PATH.sub("[path]", text))


def without_places_in_errors(result: dict[str, Any]) -> dict[str, Any]:
    """A record with `without_places` applied to what came from errors: reasons, and the codes of failed cases."""
    metrics = {
        name: m | {"reason": m["reason"] and without_places(m["reason"])} for name, m in result["metrics"].items()
    }
    failures = {without_places(code): count for code, count in result["cases"]["failures"].items()}
    reasons = [without_places(reason) for reason in result["eligible"]["reasons"]]
    changed = {"cases": result["cases"] | {"failures": failures}, "eligible": result["eligible"] | {"reasons": reasons}}
    return result | {"metrics": metrics} | changed


def one_line(text: str) -> str:
    r"""``text`` with every run of white space as one space.

    >>> one_line("a\n  b")
    'a b'
    """
    return " ".join(text.split())


def bibtex_text(text: str) -> str:
    r"""``text`` as the value of a BibTeX field: one line, nothing that ends the field or starts a command.

    >>> bibtex_text("50 % {x}")
    '50 \\% \\textbraceleft{}x\\textbraceright{}'
    """
    return "".join(_BIBTEX.get(character, character) for character in one_line(text))


def with_code(text: str) -> Markup:
    """``text`` escaped, with what stands between backticks set as code; an odd backtick stays one.

    >>> str(with_code("run `bench list` <now>"))
    'run <code>bench list</code> &lt;now&gt;'
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return Markup("{}").format(text)
    shapes = (Markup("{}"), Markup("<code>{}</code>"))
    return Markup("").join(shapes[i % 2].format(part) for i, part in enumerate(parts))
