"""Running a generator over a split: expected cases only, failures recorded, nothing computed twice, changes refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin_folders import SPECKLE, on_case, write_plugin
from run_contents import contents

from fundus2oct.benchmark import worker_process
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.generation import generate_run, shuffled
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder, case_seed
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.submission_file import read_submission, write_submission
from fundus2oct.benchmark.volume import read_volume
from fundus2oct.metrics.errors import BenchError

CASES = ["toy-test-000", "toy-test-001", "toy-test-002"]


def generate(plugin: Path, dataset: Dataset, run: Path, **options: Any) -> dict[str, Any]:
    return generate_run(resolve(str(plugin)), dataset, "test", run, **options)


def counting(folder: Path, body: str = SPECKLE) -> tuple[Path, Path]:
    """A generator that writes its seeds into a file outside its folder, and that file."""
    calls = folder / "calls"
    calls.touch()
    top = f"def note(seed):\n    with open({str(calls)!r}, 'a') as file:\n        print(seed, file=file)"
    return write_plugin(folder / "plugin", f"note(seed)\n{body}", top=top), calls


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_expected_case_is_asked_for_once_with_its_own_seed(small: Dataset, tmp_path: Path) -> None:
    plugin, calls = counting(tmp_path)
    summary = generate(plugin, small, tmp_path / "run", seed=5)
    assert list(summary["cases"]) == CASES
    assert sorted(calls.read_text().split()) == sorted(str(case_seed(5, case_id)) for case_id in CASES)
    assert names(tmp_path / "run/volumes") == [f"{case_id}.npy" for case_id in CASES]


def test_the_volume_on_disk_is_the_one_returned(finished_run: Path) -> None:
    expected = np.random.default_rng(case_seed(0, CASES[0])).integers(0, 256, (6, 320, 448), np.uint8)
    assert np.array_equal(read_volume(RunFolder(finished_run).volume_path(CASES[0])), expected)


def test_a_failing_case_is_recorded_and_the_run_goes_on(finished_run: Path) -> None:
    summary = RunFolder(finished_run).summary()
    assert [case["code"] for case in summary["cases"].values()] == [None, "E_PLUGIN", None]
    assert summary["failures"] == {"E_PLUGIN": 1}
    assert names(finished_run / "volumes") == [f"{CASES[0]}.npy", f"{CASES[2]}.npy"]
    assert "no retina here" in (finished_run / "private.log").read_text()


def test_a_crash_costs_one_case_and_the_worker_starts_again(small: Dataset, tmp_path: Path) -> None:
    summary = generate(write_plugin(tmp_path / "p", on_case(CASES[0], "os._exit(3)")), small, tmp_path / "run")
    assert [case["code"] for case in summary["cases"].values()] == ["E_CRASH", None, None]


def test_a_hanging_case_costs_its_limit(small: Dataset, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "p", on_case(CASES[2], "time.sleep(60)"))
    summary = generate(plugin, small, tmp_path / "run", limits=Limits(case_seconds=2.0))
    assert [case["code"] for case in summary["cases"].values()] == [None, None, "E_TIMEOUT"]


def test_a_generator_needs_no_truth(small_copy: Dataset, finished_run: Path, tmp_path: Path) -> None:
    shutil.rmtree(small_copy.folder / "oct")
    plugin = finished_run.parent / "plugin"
    assert generate(plugin, small_copy, tmp_path / "run") == RunFolder(finished_run).summary()


def test_running_again_computes_nothing_twice(small: Dataset, tmp_path: Path) -> None:
    plugin, calls = counting(tmp_path)
    first = generate(plugin, small, tmp_path / "run")
    calls.write_text("")
    assert generate(plugin, small, tmp_path / "run") == first
    assert calls.read_text() == ""


@pytest.fixture
def plugin(finished_run: Path) -> Path:
    """The finished run's generator."""
    return finished_run.parent / "plugin"


@pytest.fixture
def plugin_copy(plugin: Path, tmp_path: Path) -> Path:
    """The finished run's generator in a folder that a test may change: still the same generator."""
    shutil.copytree(plugin, tmp_path / "plugin")
    return tmp_path / "plugin"


def test_a_finished_run_starts_no_worker(
    run_copy: Path, plugin_copy: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process.WorkerProcess, "start", None)
    assert generate(plugin_copy, small, run_copy)["failures"] == {"E_PLUGIN": 1}


def _flip_volume(run: Path) -> None:
    path = run / "volumes" / f"{CASES[0]}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "volume altered": _flip_volume,
    "volume truncated": lambda run: os.truncate(run / "volumes" / f"{CASES[0]}.npy", 1000),
    "volume gone": lambda run: (run / "volumes" / f"{CASES[0]}.npy").unlink(),
    "record altered": lambda run: (run / "cases" / f"{CASES[2]}.json").write_text("{}"),
    "record of a failure gone": lambda run: (run / "cases" / f"{CASES[1]}.json").unlink(),
    "run.json gone": lambda run: (run / "run.json").unlink(),
    "run.json altered": lambda run: (run / "run.json").write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_was_damaged_is_done_again(
    run_copy: Path, finished_run: Path, plugin: Path, small: Dataset, damage: Callable[[Path], Any]
) -> None:
    damage(run_copy)
    generate(plugin, small, run_copy)
    assert contents(run_copy) == contents(finished_run)


def _change_photograph(data: Path) -> None:
    path = data / "fundus" / f"{CASES[0]}.png"
    path.write_bytes((data / "fundus" / f"{CASES[1]}.png").read_bytes())


def _change_table(data: Path) -> None:
    path = data / "cases.csv"
    path.write_text(path.read_text().replace("toy-test-patient-001", "toy-test-patient-007"))


@pytest.mark.parametrize("change", [_change_photograph, _change_table])
def test_a_changed_dataset_is_refused(run_copy: Path, plugin: Path, small_copy: Dataset, change: Any) -> None:
    change(small_copy.folder)
    before = contents(run_copy)
    with pytest.raises(BenchError, match=r"^E_CHANGED: .*another dataset \|"):
        generate(plugin, read_dataset(small_copy.folder), run_copy)
    assert contents(run_copy) == before


def test_a_changed_split_names_what_changed(run_copy: Path, plugin: Path, small: Dataset) -> None:
    with pytest.raises(BenchError, match=r"another cases, dataset, split \|"):
        generate_run(resolve(str(plugin)), small, "train", run_copy)


@pytest.mark.parametrize("name", ["toy_plugin.py", "weights.npy", "deep/results/weights.npy", ".hidden/weights.npy"])
def test_changed_code_or_weights_are_refused(run_copy: Path, plugin_copy: Path, small: Dataset, name: str) -> None:
    (plugin_copy / name).parent.mkdir(parents=True, exist_ok=True)
    with open(plugin_copy / name, "a") as file:
        file.write("# changed")
    with pytest.raises(BenchError, match=r"^E_CHANGED: .*another generator \|"):
        generate(plugin_copy, small, run_copy)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 1}, "cases, seed"),
    "device": ({"device": "cuda"}, "generator"),
    "limits": ({"limits": Limits(case_seconds=1)}, "limits"),
}


@pytest.mark.parametrize(("options", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_changed_options_are_refused(
    run_copy: Path, plugin: Path, small: Dataset, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(BenchError, match=rf"^E_CHANGED: .*another {words} \|"):
        generate(plugin, small, run_copy, **options)


def test_a_second_process_on_the_same_run_is_refused(run_copy: Path, plugin: Path, small: Dataset) -> None:
    with RunFolder(run_copy).locked(), pytest.raises(BenchError, match="E_LOCKED"):
        generate(plugin, small, run_copy)


def test_a_generator_that_cannot_be_imported_is_mended_and_the_run_goes_on(small: Dataset, tmp_path: Path) -> None:
    library = tmp_path / "library"
    plugin = write_plugin(tmp_path / "plugin", top=f"sys.path.append({str(library)!r})\nimport toy_library")
    with pytest.raises(BenchError, match=r"^E_PLUGIN: .*toy_library.*private\.log"):
        generate(plugin, small, tmp_path / "run")
    assert "ModuleNotFoundError" in (tmp_path / "run/private.log").read_text()
    library.mkdir()
    (library / "toy_library.py").touch()
    assert generate(plugin, small, tmp_path / "run")["failures"] == {}


def test_constant_and_equal_volumes_are_flagged(small: Dataset, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin", "return np.full((6, 320, 448), 30, np.uint8)")
    summary = generate(plugin, small, tmp_path / "run")
    assert summary["flags"] == ["constant-volumes", "same-volume-for-all-cases"]


BATCHED = """
class Plugin:
    def generate(self, fundus, *, eye, seed):
        if seed == {bad}:
            raise ValueError("no retina here")
        return np.full((6, 320, 448), 10 + seed % 90, np.uint8)

    def generate_batch(self, fundus_list, *, eyes, seeds):
        note(len(seeds))
        return [self.generate(f, eye=e, seed=s) for f, e, s in zip(fundus_list, eyes, seeds, strict=True)]

def make_generator(*, device, folder):
    return Plugin()
"""


def batched(folder: Path, *, bad: int = -1, declared: bool = True) -> tuple[Path, Path]:
    """A generator of the batch track that notes how many photographs it got at once, and the file of its notes."""
    plugin, calls = counting(folder)
    (plugin / "toy_plugin.py").write_text(
        f"import numpy as np\ndef note(n):\n    open({str(calls)!r}, 'a').write(f'{{n}} ')\n{BATCHED.format(bad=bad)}"
    )
    write_submission(plugin, replace(read_submission(plugin), batch=declared))
    return plugin, calls


def test_the_batch_track_gets_several_photographs_at_once(small: Dataset, tmp_path: Path) -> None:
    plugin, calls = batched(tmp_path)
    summary = generate(plugin, small, tmp_path / "run", batch=2)
    assert calls.read_text().split() == ["2", "1"]
    assert summary["generator"]["batch"] == 2
    for case_id in CASES:
        volume = read_volume(RunFolder(tmp_path / "run").volume_path(case_id))
        assert volume.min() == volume.max() == 10 + case_seed(0, case_id) % 90


def test_where_a_batch_fails_each_case_decides_for_itself(small: Dataset, tmp_path: Path) -> None:
    plugin, _ = batched(tmp_path, bad=case_seed(0, CASES[1]))
    summary = generate(plugin, small, tmp_path / "run", batch=3)
    assert [case["code"] for case in summary["cases"].values()] == [None, "E_PLUGIN", None]


def test_a_generator_of_another_track_gets_no_batch(small: Dataset, tmp_path: Path) -> None:
    plugin, _ = batched(tmp_path, declared=False)
    with pytest.raises(BenchError, match=r"^E_MANIFEST: .*batch = true"):
        generate(plugin, small, tmp_path / "run", batch=2)


COUNTING_CASES = "self.n = getattr(self, 'n', 0) + 1\nreturn np.full((6, 320, 448), self.n, np.uint8)"


@pytest.mark.parametrize(("fresh", "highest"), [(False, 3), (True, 1)])
def test_a_fresh_process_remembers_no_case(small: Dataset, tmp_path: Path, fresh: bool, highest: int) -> None:
    generate(write_plugin(tmp_path / "p", COUNTING_CASES), small, tmp_path / "run", fresh_process=fresh)
    volumes = [read_volume(RunFolder(tmp_path / "run").volume_path(case_id)) for case_id in CASES]
    assert max(int(volume.max()) for volume in volumes) == highest


def test_cases_come_in_an_order_that_only_the_seed_decides(small: Dataset, tmp_path: Path) -> None:
    cases = small.split("test")
    orders = {tuple(case.case_id for case in shuffled(cases, seed)) for seed in range(20)}
    assert all(sorted(order) == CASES for order in orders)
    assert len(orders) == 6
    plugin, calls = counting(tmp_path)
    generate(plugin, small, tmp_path / "run", seed=5)
    assert calls.read_text().split() == [str(case_seed(5, case.case_id)) for case in shuffled(cases, 5)]


def test_what_is_left_when_the_runs_time_is_up_has_timed_out(small: Dataset, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "p", f"time.sleep(0.3)\n{SPECKLE}")
    summary = generate(plugin, small, tmp_path / "run", limits=Limits(run_seconds=0.2))
    assert summary["failures"] == {"E_TIMEOUT": 2}


def renamed(dataset: Dataset) -> Dataset:
    """The same eyes under other ids, in another order."""
    cases = [replace(case, case_id=f"z{99 - place}") for place, case in enumerate(dataset.cases)]
    return replace(dataset, cases=tuple(reversed(cases)))


def questions(tmp_path: Path, dataset: Dataset, name: str, **options: Any) -> list[str]:
    """What a generator is asked, in order: the sum of the photograph and the seed."""
    calls = tmp_path / name
    note = f"with open({str(calls)!r}, 'a') as file:\n    print(int(fundus.sum()), seed, file=file)\n{SPECKLE}"
    plugin = write_plugin(tmp_path / f"plugin-{name}", note)
    generate_run(resolve(str(plugin)), dataset, "test", tmp_path / f"run-{name}", **options)
    return calls.read_text().splitlines()


def test_seeds_and_order_from_photographs_are_the_same_whatever_the_cases_are_called(
    tmp_path: Path, small: Dataset
) -> None:
    others = renamed(small)
    assert questions(tmp_path, small, "a", seeds="photograph") == questions(tmp_path, others, "b", seeds="photograph")
    assert sorted(questions(tmp_path, small, "c")) != sorted(questions(tmp_path, others, "d"))


def test_seeds_from_photographs_differ_by_case_and_by_run_and_stand_in_the_plan(tmp_path: Path, small: Dataset) -> None:
    asked = [questions(tmp_path, small, f"s{seed}", seeds="photograph", seed=seed) for seed in (0, 1)]
    assert len({line.split()[1] for lines in asked for line in lines}) == 6
    plan = RunFolder(tmp_path / "run-s1").plan()
    assert plan["generator"]["seeds"] == "photograph"
    assert sorted(case["seed"] for case in plan["cases"]) == [int(line.split()[1]) for line in asked[1]]


def test_a_run_that_was_begun_with_other_seeds_is_not_gone_on_with(tmp_path: Path, small: Dataset) -> None:
    questions(tmp_path, small, "a")
    with pytest.raises(BenchError, match="E_CHANGED: this run was planned with another cases, generator"):
        questions(tmp_path, small, "a", seeds="photograph")
