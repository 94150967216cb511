"""Bad answers of a generator: one run in which nearly every case is answered badly, each in a way of its own.

A key begins with the number of its row in the list of bad inputs (`test_list_is_complete`).
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_folders import SPECKLE, write_plugin
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.generate_command import report_failures
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder, case_seed
from fundus2oct.benchmark.volume import read_volume, volume_digest
from fundus2oct.metrics.errors import BenchError

pytestmark = pytest.mark.slow

RAMP = "np.arange(6 * 320 * 448).astype(np.uint8).reshape(6, 320, 448)"

BAD: dict[str, tuple[str, str, str]] = {
    "5 objects": ("return np.full((6, 320, 448), None)", "E_DTYPE", "expected uint8, found object"),
    "9 more than fits": ("return np.broadcast_to(np.uint8(0), (10**6,) * 3)", "E_SHAPE", "found (1000000, 1000000, 10"),
    "11 no rows": ("return np.zeros((6, 0, 448), np.uint8)", "E_SHAPE", "found (6, 0, 448)"),
    "11 no bytes": ("return np.zeros((6, 320, 448), 'V0')", "E_DTYPE", "expected uint8, found |V"),
    "12 depth, width, B-scan": (
        "return np.zeros((320, 448, 6), np.uint8)",
        "E_SHAPE",
        "(320, 448, 6), the axes are per",
    ),
    "12 width, depth": (
        "return np.zeros((6, 448, 320), np.uint8)",
        "E_SHAPE",
        "found (6, 448, 320), the axes are permuted",
    ),
    "13 channels": ("return np.zeros((6, 320, 448, 3), np.uint8)", "E_SHAPE", "found (6, 320, 448, 3)"),
    "14 floats to 1": (f"return {RAMP} / 255", "E_DTYPE", "expected uint8, found float64 with values 0.0..1.0"),
    "15 floats beyond 255": (f"return {RAMP} * 2.0", "E_RANGE", "expected values 0..255, found 0.0..510.0 (float64)"),
    "16 one NaN": (
        "v = np.zeros((6, 320, 448), float); v[2, 3, 4] = np.nan; return v",
        "E_NONFINITE",
        "1 values are NaN or infinite, the first at (2, 3, 4)",
    ),
    "17 infinity": (
        "v = np.zeros((6, 320, 448), float); v[0, 0, :2] = np.inf; return v",
        "E_NONFINITE",
        "2 values are NaN or",
    ),
    "18 numbers that would wrap": (
        "v = np.zeros((6, 320, 448), np.int16); v[0, 0, :2] = 300, -1; return v",
        "E_RANGE",
        "expected values 0..255, found -1..300 (int16)",
    ),
    "22 big-endian": ("return np.zeros((6, 320, 448), '>u2')", "E_DTYPE", "expected uint8, found >u2"),
    "23 records": ("return np.zeros((6, 320, 448), [('a', 'u1')])", "E_DTYPE", "found [('a', 'u1')]"),
    "23 dates": ("return np.zeros((6, 320, 448), 'M8[s]')", "E_DTYPE", "found datetime64[s]"),
    "50 nothing": ("return None", "E_PLUGIN", "generate() returned NoneType, expected a numpy array"),
    "50 a list": (f"return list({RAMP})", "E_PLUGIN", "generate() returned list, expected a numpy array"),
    "50 a tensor": (
        "return type('Tensor', (), {})()",
        "E_PLUGIN",
        "generate() returned Tensor, expected a numpy array",
    ),
    "50 an exception": ("raise ValueError('no fovea')", "E_PLUGIN", "ValueError: no fovea"),
    "51 exit 0": ("os._exit(0)", "E_CRASH", "the worker ended with status 0"),
    "51 sys.exit": ("sys.exit(0)", "E_CRASH", "the worker ended with status 0"),
}
"""Label -> (body of generate(), public code, what the organiser's log says)."""

ODD: dict[str, str] = {
    "19 one grey level": "return np.full((6, 320, 448), 7, np.uint8)",
    "21 the photograph itself": "return np.resize(fundus[..., 1], (6, 320, 448))",
    "22 Fortran order": f"return np.asfortranarray({RAMP})",
}
"""Label -> body of what is odd but valid."""

N_PLAIN = 4
LABELS = [*BAD, *ODD, *(f"plain {i}" for i in range(N_PLAIN))]


class Outcome:
    """The run in which the n-th case is answered as the n-th label says."""

    def __init__(self, folder: Path) -> None:
        self.dataset = write_toy_dataset(folder, n_train=1, n_test=len(LABELS))
        self.case_of = dict(zip(LABELS, (case.case_id for case in self.dataset.split("test")), strict=True))
        bodies = {label: body for label, (body, _, _) in BAD.items()} | ODD
        parts = [
            f"if seed == {case_seed(0, self.case_of[label])}:\n{textwrap.indent(body, '    ')}"
            for label, body in bodies.items()
        ]
        plugin = write_plugin(folder / "plugin", "\n".join([*parts, SPECKLE]))
        self.summary: dict[str, Any] = generate_run(resolve(str(plugin)), self.dataset, "test", folder / "run")
        self.run = RunFolder(folder / "run")
        self.log = self.run.log_path.read_text()

    def code(self, label: str) -> str | None:
        found: str | None = self.summary["cases"][self.case_of[label]]["code"]
        return found

    def volume(self, label: str) -> Any:
        return read_volume(self.run.volume_path(self.case_of[label]))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Outcome(tmp_path_factory.mktemp("outcome"))


@pytest.mark.parametrize("label", BAD)
def test_a_bad_answer_fails_its_case_by_its_own_code_and_words(outcome: Outcome, label: str) -> None:
    _, code, words = BAD[label]
    assert outcome.code(label) == code
    assert re.search(rf"^{code}: (.*\n)*?.*{re.escape(words)}", outcome.log, flags=re.M)
    assert not outcome.run.volume_path(outcome.case_of[label]).exists()


def test_the_other_cases_are_intact(outcome: Outcome) -> None:
    for i in range(N_PLAIN):
        case_id = outcome.case_of[f"plain {i}"]
        expected = np.random.default_rng(case_seed(0, case_id)).integers(0, 256, (6, 320, 448), np.uint8)
        assert outcome.summary["cases"][case_id]["digest"] == volume_digest(expected)


@pytest.mark.parametrize("label", ODD)
def test_an_odd_answer_is_valid(outcome: Outcome, label: str) -> None:
    assert outcome.code(label) is None
    assert outcome.volume(label).shape == (6, 320, 448)


def test_odd_answers_are_flagged_or_equal(outcome: Outcome) -> None:
    assert outcome.summary["flags"] == ["constant-volumes"]
    ramp = np.arange(6 * 320 * 448).astype(np.uint8).reshape(6, 320, 448)
    np.testing.assert_array_equal(outcome.volume("22 Fortran order"), ramp)


def test_the_command_lists_them_and_ends_with_4(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failures(outcome.summary) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(BAD) + 1
    assert all(re.match(r"E_[A-Z]+: case toy-test-\d+ failed", line) for line in lines[:-1])


def test_20_one_volume_for_all_cases_is_flagged(outcome: Outcome, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin", f"return {RAMP}")
    summary = generate_run(resolve(str(plugin)), outcome.dataset, "test", tmp_path / "run")
    assert summary["flags"] == ["same-volume-for-all-cases"]


WHOLE: dict[str, tuple[dict[str, str], str]] = {
    "50 import fails": ({"top": "import no_such_library"}, "ModuleNotFoundError: No module named 'no_such_library'"),
    "50 import exits": ({"top": "sys.exit(0)"}, "SystemExit: 0"),
    "50 no generate()": ({"make": "return object()"}, "returned object, which has no method generate"),
    "50 weights that are no safetensors": (
        {"make": "from safetensors.numpy import load_file; load_file(folder / 'w.safetensors')"},
        "SafetensorError",
    ),
    "47 a header of 2**40 bytes": (
        {"make": "from safetensors.numpy import load_file; load_file(folder / 'huge.safetensors')"},
        "SafetensorError",
    ),
}


@pytest.mark.parametrize("label", WHOLE)
def test_code_that_cannot_be_loaded_ends_the_command_with_its_last_words(
    small: Any, tmp_path: Path, label: str
) -> None:
    arguments, words = WHOLE[label]
    plugin = write_plugin(tmp_path / "plugin", **arguments)
    (plugin / "w.safetensors").write_bytes(b"not tensors")
    (plugin / "huge.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(BenchError, match=r"^E_PLUGIN: .* where: toy_plugin:make_generator .*private\.log") as caught:
        generate_run(resolve(str(plugin)), small, "test", tmp_path / "run")
    assert caught.value.exit_code == 3
    assert words in (tmp_path / "run/private.log").read_text()


def test_50_a_wrong_signature_fails_every_case_with_its_words(small: Any, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    text = (plugin / "toy_plugin.py").read_text()
    (plugin / "toy_plugin.py").write_text(
        text.replace("def generate(self, fundus, *, eye, seed)", "def generate(self)")
    )
    summary = generate_run(resolve(str(plugin)), small, "test", tmp_path / "run")
    assert summary["failures"] == {"E_PLUGIN": 3}
    assert "unexpected keyword argument 'eye'" in (tmp_path / "run/private.log").read_text()
