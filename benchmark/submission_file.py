"""`submission.toml`: who hands in what. A generator is a folder with this file, code and weights."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.durable_file import write_text
from fundus2oct.metrics.errors import BenchError, BenchErrors

FILE_NAME = "submission.toml"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
LINK = re.compile(
    r"https://(?!-)[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[\x21\x23-\x26\x28-\x3b\x3d\x3f-\x5b\x5d\x5f-\x7e]*)?"
)
MAX_NAME = 80
MAX_TEXT = 2000

KINDS = ("submission", "baseline", "trivial", "oracle", "degraded-truth")
RANKED_KINDS = ("submission", "baseline")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The content of a `submission.toml`.

    Attributes:
        team: slug of the team, ``[a-z0-9][a-z0-9_-]{0,63}``.
        method: slug of the method.
        kind: submission and baseline are ranked; trivial, oracle and degraded-truth are shown in order.
        title: the method's name for readers; the slug when empty.
        description: a paragraph for readers.
        licence: SPDX identifier.
        external_data: what else it was trained on; empty means only the training split.
        links: https links (paper, code).
        generator: ``module:callable``; empty for a submission of images.
    """

    team: str
    method: str
    kind: str = "submission"
    title: str = ""
    description: str = ""
    licence: str = ""
    external_data: str = ""
    links: tuple[str, ...] = ()
    generator: str = ""

    @property
    def name(self) -> str:
        """``team/method``."""
        return f"{self.team}/{self.method}"


def read_submission(folder: Path) -> Submission:
    """Read and check `submission.toml` in ``folder``.

    Raises:
        BenchError: one problem, or BenchErrors with all of them; exit code 3.
    """
    path = folder / FILE_NAME
    try:
        document = tomllib.loads(picture_file.read_bytes(path, max_bytes=2**18).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError("E_MANIFEST", "not valid TOML", where=path, found=str(error)) from None
    return submission_from(document, path)


def submission_from(document: dict[str, Any], path: Path) -> Submission:
    """The submission that a parsed file describes; raises what `read_submission` does, naming ``path``."""
    problems = submission_problems(document, path)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=path)
    return Submission(**{**document, "links": tuple(document.get("links", ()))})


def write_submission(folder: Path, submission: Submission) -> None:
    """Write `submission.toml` into ``folder``, whole or not at all."""
    values = {key: value for key, value in asdict(submission).items() if value}
    write_text(folder / FILE_NAME, tomli_w.dumps(values | {"links": list(submission.links)}))


def submission_problems(document: dict[str, Any], path: Path) -> list[BenchError]:
    """Every broken rule of a parsed `submission.toml`, one error each."""
    problems: list[BenchError] = []

    def problem(code: str, key: str, expected: str) -> None:
        found = repr(document[key])[:120] if key in document else "nothing"
        problems.append(BenchError(code, f"key {key!r}", where=path, expected=expected, found=found))

    for key in sorted(document.keys() - Submission.__dataclass_fields__.keys()):
        problem("E_MANIFEST", key, f"one of {', '.join(Submission.__dataclass_fields__)}")
    for key in sorted(Submission.__dataclass_fields__.keys() - {"links"}):
        if not isinstance(document.get(key, ""), str):
            problem("E_MANIFEST", key, "text")
    if problems:
        return problems
    for key in ("team", "method"):
        if not SLUG.fullmatch(document.get(key, "")):
            problem("E_NAME", key, SLUG.pattern)
    if document.get("kind", "submission") not in KINDS:
        problem("E_MANIFEST", "kind", " or ".join(KINDS))
    for key, longest in (("title", MAX_NAME), ("licence", MAX_NAME), ("description", MAX_TEXT), ("external_data", 400)):
        if not is_clean_text(document.get(key, ""), longest):
            problem("E_NAME", key, f"at most {longest} printable characters in Unicode NFC")
    if document.get("generator") and not TARGET.fullmatch(document["generator"]):
        problem("E_MANIFEST", "generator", "module:callable")
    if not are_safe_links(document.get("links", [])):
        problem("E_LINK", "links", "at most 8 https links of at most 500 ASCII characters")
    return problems


def is_clean_text(text: str, longest: int) -> bool:
    r"""Whether text is safe to show: NFC, no control, bidirectional or zero-width characters, not too long.

    >>> is_clean_text("Rétine 網膜", 80), is_clean_text("a\u202eb", 80)
    (True, False)
    """
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return (
        len(text) <= longest
        and unicodedata.is_normalized("NFC", text)
        and all(unicodedata.category(character) not in unseen for character in text.replace("\n", " "))
        and (not text or bool(text.strip()))
    )


def are_safe_links(links: Any) -> bool:
    """Whether ``links`` is a short list of plain https addresses.

    >>> are_safe_links(["https://arxiv.org/abs/2506.07542"]), are_safe_links(["javascript:alert(1)"])
    (True, False)
    """
    return (
        isinstance(links, list)
        and len(links) <= 8
        and all(isinstance(link, str) and len(link) <= 500 and LINK.fullmatch(link) for link in links)
    )
