"""`bench verify`: an honest record is reproduced; every way in which one can be false is found and listed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mean_features
import numpy as np
import pytest
from plugin_folders import SPECKLE, write_plugin

from fundus2oct.benchmark import cli, verify_volumes
from fundus2oct.benchmark.attestation_file import badges, read_attestations
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.result_file import list_records, publish_result, read_result
from fundus2oct.benchmark.run_folder import RunFolder, record_checksum
from fundus2oct.benchmark.submission_file import read_submission, write_submission
from fundus2oct.benchmark.volume import read_volume
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.durable_file import write_json

pytestmark = pytest.mark.usefixtures("toy_metrics")


class Filed:
    """One scored entry as an organiser has it, made once: plugin, run, private folder, public record."""

    def __init__(self, folder: Path) -> None:
        self.plugin, self.run, self.private = folder / "plugin", folder / "run", folder / "private"
        self.results = folder / "results"

    @property
    def record(self) -> Path:
        (path,) = list_records(self.results / "toy/plugin/results/toy-1/test")
        return path

    def copy(self, folder: Path) -> Filed:
        shutil.copytree(self.plugin.parent, folder)
        return Filed(folder)


def file(folder: Path, data: Path, *, alter: bool = False, **declared: Any) -> Filed:
    """Generate and score an entry; with ``alter`` one of its volumes differs from what its generator makes."""
    filed = Filed(folder)
    write_plugin(filed.plugin)
    write_submission(filed.plugin, replace(read_submission(filed.plugin), **declared))
    generate_run(resolve(str(filed.plugin)), read_dataset(data), "test", filed.run)
    if alter:
        _alter(RunFolder(filed.run))
    places = ["--private", filed.private, "--results", filed.results]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "CARDS", mean_features.CARDS)
        assert cli.run(["--quiet", "score", *map(str, [filed.run, "--data", data, *places])]) == 0
    return filed


def _alter(run: RunFolder) -> None:
    """Three grey levels in 0.1 % of the pixels of one case, as another machine's arithmetic might."""
    volume = read_volume(run.volume_path("toy-test-000")).copy()
    pixels = volume.reshape(-1)[: volume.size // 1000]
    pixels[:] = np.where(pixels > 100, pixels - 3, pixels + 3)
    run.store_volume("toy-test-000", volume)
    run.finish()


@pytest.fixture(scope="module")
def filed_once(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Filed:
    """A scored entry. Not to be written to."""
    return file(tmp_path_factory.mktemp("filed") / "all", small.folder)


@pytest.fixture
def filed(filed_once: Filed, tmp_path: Path) -> Filed:
    """A scored entry in a folder that a test may change."""
    return filed_once.copy(tmp_path / "filed")


Verify = Callable[..., int]


@pytest.fixture
def verify(filed: Filed, small: Dataset) -> Verify:
    """Runs `bench verify` on the filed record; ``without`` leaves options out."""

    def run(*more: str | Path, without: tuple[str, ...] = (), quick: bool = True) -> int:
        options = {"--data": small.folder, "--run": filed.run, "--generator": filed.plugin, "--private": filed.private}
        kept = [str(part) for name, value in options.items() if name not in without for part in (name, value)]
        quickly = ["--no-rescore"] if quick else []
        return cli.run(["--quiet", "verify", str(filed.record), *kept, *quickly, *map(str, more)])

    return run


def test_a_run_is_generated_again_under_the_limits_that_it_had(small: Dataset, tmp_path: Path) -> None:
    body = "return np.full((6, 320, 448), int(os.environ['OMP_NUM_THREADS']), np.uint8)"
    plugin = write_plugin(tmp_path / "plugin", body)
    limits = tmp_path / "limits.toml"
    limits.write_text("threads = 1\n")
    places = [f"--{name}={tmp_path / name}" for name in ("runs", "private", "results")]
    common = ["--data", str(small.folder), "--sandbox", "none"]
    assert cli.run(["--quiet", "score", str(plugin), *common, *places, "--limits", str(limits)]) == 0
    (record,) = list_records(tmp_path / "results/toy/plugin/results/toy-1/test")
    (run,) = (tmp_path / "runs").iterdir()
    call = ["--quiet", "verify", str(record), *common, "--generator", str(plugin), "--no-rescore"]
    assert cli.run([*call, "--run", str(run)]) == 0
    assert cli.run([*call, "--limits", str(limits)]) == 0
    assert cli.run(call) == 5


def test_an_honest_record_is_reproduced_and_attested(
    verify: Verify, filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    before = filed.record.read_bytes()
    assert verify("--cases", "2", "--attest", "Organiser of a challenge", quick=False) == 0
    told = capsys.readouterr().out
    assert "2 of 2 equal" in told
    assert "record, scored again: equal" in told
    assert "values of the drawn cases, scored again: equal" in told
    assert filed.record.read_bytes() == before
    (attestation,) = read_attestations(filed.record)
    assert (attestation["outcome"], attestation["rescored"]) == ("reproduced", True)
    assert attestation["cases"] == {"regenerated": 2, "equal": 2, "within_tolerance": 0, "differing": 0}
    assert badges([attestation]) == ("reproduced",)


def test_an_attestation_names_no_case(verify: Verify, filed: Filed, small: Dataset) -> None:
    verify("--attest", "Organiser")
    (path,) = filed.record.parent.glob("*.attestation-reproduced.json")
    names = {name.lower() for case in small.cases for name in (case.case_id, case.source_id, case.patient_id)}
    assert len(names) > 8
    assert not [name for name in names if name in path.read_text("utf-8").lower()]


def test_another_generator_is_found_out_and_attested_as_such(
    verify: Verify, filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plugin(filed.plugin, SPECKLE.replace("256", "255"))
    assert verify("--attest", "Organiser", "--cases", "3") == 5
    out, err = capsys.readouterr()
    assert "the generator's hash" in out
    assert out.count("grey levels in") == 3
    assert err.startswith("E_MISMATCH: the record is not reproduced")
    (attestation,) = read_attestations(filed.record)
    assert attestation["outcome"] == "differs"
    assert badges([attestation]) == ("self-reported",)


def test_a_number_made_better_is_found_by_scoring_again(
    verify: Verify, filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_result(filed.record)
    record["metrics"]["psnr"]["value"] += 0.5
    filed.record.unlink()
    publish_result(record, filed.results)
    assert verify(without=("--generator",), quick=False) == 5
    out = capsys.readouterr().out
    assert "1 differences" in out
    assert "metrics.psnr.value: " in out


def test_a_record_changed_under_its_name_is_refused_at_once(
    verify: Verify, filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    text = filed.record.read_text("utf-8")
    filed.record.write_text(text.replace('"title": ""', '"title": "Best"', 1), "utf-8")
    assert verify() == 5
    assert "changed after it was filed" in capsys.readouterr().err


def test_a_private_value_that_was_changed_is_found(
    verify: Verify, filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    (table,) = filed.private.rglob("per_case.csv")
    header, first, *others = table.read_text("utf-8").splitlines()
    better = first.split(",")
    better[header.split(",").index("psnr")] = "60.0"
    table.write_text("\n".join([header, ",".join(better), *others, ""]), "utf-8")
    assert verify("--cases", "3", without=("--generator",), quick=False) == 5
    assert "toy-test-000.psnr: 60.0 filed, " in capsys.readouterr().out


def test_volumes_of_another_run_are_found_by_their_one_hash(
    verify: Verify, filed: Filed, small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_run(resolve(str(filed.plugin)), small, "test", filed.run.with_name("other"), seed=1)
    assert verify("--run", filed.run.with_name("other"), without=("--run",)) == 5
    assert "the hash over all volumes" in capsys.readouterr().out


def test_without_a_run_every_case_is_generated_again(verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(without=("--run", "--private")) == 0
    assert "3 of 3 equal" in capsys.readouterr().out


@pytest.mark.parametrize(("grey", "share", "code"), [(0, 0.0, 5), (2, 1.0, 5), (3, 0.0005, 5), (3, 0.002, 0)], ids=str)
def test_a_difference_counts_unless_the_entry_declared_it_before(
    tmp_path: Path, small: Dataset, grey: int, share: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    filed = file(tmp_path / "f", small.folder, alter=True, tolerance_grey=grey, tolerance_share=share)
    options = ["--data", small.folder, "--run", filed.run, "--generator", filed.plugin, "--cases", "3"]
    assert cli.run(["--quiet", "verify", str(filed.record), "--no-rescore", *map(str, options)]) == code
    assert "toy-test-000: by up to 3 grey levels in 0.100% of the pixels" in capsys.readouterr().out


def test_a_plan_edited_afterwards_gains_no_tolerance(tmp_path: Path, small: Dataset) -> None:
    filed = file(tmp_path / "f", small.folder, alter=True)
    plan = filed.run / "plan.json"
    document = json.loads(plan.read_text("utf-8"))
    document.pop("checksum")
    document["submission"] |= {"tolerance_grey": 16, "tolerance_share": 1.0}
    write_json(plan, document | {"checksum": record_checksum(document)})
    options = ["--data", small.folder, "--run", filed.run, "--generator", filed.plugin, "--cases", "3"]
    assert cli.run(["--quiet", "verify", str(filed.record), "--no-rescore", *map(str, options)]) == 5


def test_the_draw_follows_the_record_and_the_nonce() -> None:
    ids = [f"case-{i}" for i in range(100)]
    draws = [verify_volumes.draw_cases(ids, 5, verify_volumes.draw_seed("a" * 64, nonce)) for nonce in ("x", "y", "x")]
    assert draws[0] == draws[2] != draws[1]
    seeds = range(2000)
    share = np.mean([("case-7" in verify_volumes.draw_cases(ids, 5, seed)) for seed in seeds])
    assert abs(share - 0.05) < 4 * (0.05 * 0.95 / len(seeds)) ** 0.5


USAGE = {
    "nothing": [],
    "a dataset alone": ["--data", "x"],
    "a run without a dataset": ["--run", "x"],
    "a signature without signers": ["--signature", "x"],
}


@pytest.mark.parametrize("options", USAGE.values(), ids=USAGE.keys())
def test_what_cannot_be_checked_is_a_mistake_of_usage(filed_once: Filed, options: list[str]) -> None:
    assert cli.run(["verify", str(filed_once.record), *options]) == 2


def test_scores_alone_earn_no_badge(verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("--attest", "Organiser", without=("--generator",)) == 3
    assert "E_ATTESTATION: nothing was found that could be attested" in capsys.readouterr().err
