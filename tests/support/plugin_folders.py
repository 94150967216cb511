"""Small generators on disk for tests: a `submission.toml` and a module whose `generate()` does what a test asks."""

from __future__ import annotations

import textwrap
from pathlib import Path

from fundus2oct.benchmark.run_folder import case_seed
from fundus2oct.benchmark.submission_file import Submission, write_submission

SPECKLE = "return np.random.default_rng(seed).integers(0, 256, (6, 320, 448), np.uint8)"
"""A good answer that depends on nothing but the seed."""

MODULE = """\
import json, os, sys, time
from pathlib import Path
import numpy as np

{top}

class Plugin:
    def __init__(self, folder):
        self.folder = folder

    def generate(self, fundus, *, eye, seed):
{body}

def make_generator(*, device, folder):
    {make}
    return Plugin(folder)
"""


def write_plugin(
    folder: Path, body: str = SPECKLE, *, top: str = "", make: str = "", method: str = "plugin", team: str = "toy"
) -> Path:
    """Write a generator's folder.

    Args:
        folder: made when it is missing.
        body: of `generate(self, fundus, *, eye, seed)`; numpy is `np`, the generator's folder `self.folder`.
        top: at the top of the module, run on import.
        make: in `make_generator`, before the generator is returned.
        method: slug of the method.
        team: slug of the team.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_submission(folder, Submission(team=team, method=method, generator="toy_plugin:make_generator"))
    indented = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
    text = MODULE.format(top=textwrap.dedent(top), body=indented, make=make or "pass")
    (folder / "toy_plugin.py").write_text(text, encoding="utf-8")
    return folder


def on_case(case_id: str, line: str) -> str:
    """A body that does something else for one case of a run with seed 0, and answers with speckle for the others."""
    return f"if seed == {case_seed(0, case_id)}:\n    {line}\n{SPECKLE}"
