"""`bench score --all`: everything not done yet, several at once, and one that fails stops no other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from plugin_folders import SPECKLE, write_plugin
from run_contents import contents

from fundus2oct.benchmark import cli, score_all, score_all_task
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.result_file import read_result
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.score_all_task import Board, Outcome, Task
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.metrics import catalogue, weight_registry

pytestmark = pytest.mark.slow


class Scorings:
    """Stands in for the scorer's process: `bench score` in this one, and a note of every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self.environments: list[Mapping[str, str]] = []
        self.answers: dict[str, list[tuple[int, str]]] = {}

    def __call__(
        self, arguments: list[str], environment: Mapping[str, str], stopped: Callable[[], bool]
    ) -> tuple[int, str]:
        name = Path(arguments[0]).name
        self.calls.append((name, arguments))
        self.environments.append(environment)
        if self.answers.get(name):
            return self.answers[name].pop(0)
        return cli.run(["--quiet", "score", *arguments]), ""

    @property
    def names(self) -> list[str]:
        return sorted(name for name, _ in self.calls)


@pytest.fixture
def scorings(monkeypatch: pytest.MonkeyPatch, toy_metrics: list[int]) -> Scorings:
    """The scorer in this process, with metrics that cost nothing."""
    found = Scorings()
    monkeypatch.setattr(score_all_task, "scorer", found)
    monkeypatch.setattr(score_all_task, "LOCKED_SECONDS", 0.01)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three submissions; `bad` cannot be loaded."""
    write_plugin(tmp_path / "submissions/a", method="a")
    write_plugin(tmp_path / "submissions/bad", make="raise RuntimeError('no')", method="bad")
    write_plugin(tmp_path / "submissions/c", method="c", team="kyoto")
    return tmp_path / "submissions"


def call(root: Path, data: Path, place: Path, *options: str) -> list[str]:
    places = [f"--{name}={place / name}" for name in ("runs", "private", "results")]
    return ["score", "--all", str(root), "--data", str(data), *places, "--sandbox", "none", "--jobs", "1", *options]


def records(place: Path) -> list[str]:
    return sorted(path.parts[-5] for path in (place / "results").glob("*/*/results/*/*/????-????????.json"))


def test_one_that_fails_stops_no_other_and_is_named_with_its_code(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings, capsys: pytest.CaptureFixture[str]
) -> None:
    scorings.answers["bad"] = [(3, "E_PLUGIN: the generator could not be loaded | where: x\n")]
    assert cli.run(call(root, small.folder, tmp_path)) == 3
    out, err = capsys.readouterr()
    assert records(tmp_path) == ["a", "c"]
    assert "E_PLUGIN: submission was not scored | where: toy/bad | fix: see " in err
    assert "3 submissions: 1 failed, 2 scored" in err
    assert "E_PLUGIN" in (tmp_path / "private/logs/toy--bad.log").read_text()
    assert len({line for line in out.splitlines() if line.startswith(str(tmp_path / "results"))}) == 2


def test_what_has_a_record_is_not_scored_again_until_its_code_changes(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings
) -> None:
    shutil.rmtree(root / "bad")
    assert cli.run(call(root, small.folder, tmp_path)) == 0
    scorings.calls.clear()
    assert cli.run(call(root, small.folder, tmp_path)) == 0
    assert scorings.calls == []
    write_plugin(root / "a", SPECKLE.replace("256", "255"), method="a")
    assert cli.run(call(root, small.folder, tmp_path)) == 0
    assert scorings.names == ["a"]
    assert records(tmp_path) == ["a", "a", "c"]


def test_a_flipped_byte_in_a_record_is_noticed_and_the_record_filed_anew(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings
) -> None:
    for name in ("bad", "c"):
        shutil.rmtree(root / name)
    cli.run(call(root, small.folder, tmp_path))
    (path,) = (tmp_path / "results").rglob("0001-????????.json")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"toy", b"tox", 1))
    assert cli.run(call(root, small.folder, tmp_path)) == 0
    assert path.read_bytes() == whole
    assert path.with_suffix(".corrupt").read_bytes() != whole
    assert scorings.names == ["a", "a"]


def test_another_metric_version_or_seed_is_scored_again(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad", "c"):
        shutil.rmtree(root / name)
    cli.run(call(root, small.folder, tmp_path))
    cli.run(call(root, small.folder, tmp_path, "--seed", "1"))
    monkeypatch.setattr(catalogue, "CARDS", catalogue.CARDS[:2])
    cli.run(call(root, small.folder, tmp_path))
    assert scorings.names == ["a"] * 3
    assert records(tmp_path) == ["a"] * 3


def test_a_metric_whose_weights_came_later_is_scored_again(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings
) -> None:
    cli.run(call(root, small.folder, tmp_path))
    (path,) = (tmp_path / "results/kyoto/c/results").rglob("0001-????????.json")
    result = read_result(path)
    result["metrics"]["toy-fvd"] |= {"value": None, "reason": "weights toy are not installed: run it"}
    board = board_like(result, tmp_path)
    assert score_all_task._is_current(result, replace_computable(board, frozenset()))
    assert not score_all_task._is_current(result, replace_computable(board, frozenset({"toy-fvd"})))


def board_like(result: dict[str, Any], place: Path) -> Board:
    """The board on which a result was scored."""
    dataset = result["dataset"]
    return Board(
        data=place,
        name=dataset["name"],
        version=dataset["version"],
        inputs_hash=dataset["inputs_hash"],
        truth_hash=dataset["truth_hash"],
        phase=result["phase"],
        seed=0,
        metric_versions=result["protocol"]["metric_versions"],
        computable=frozenset(),
        runs=place / "runs",
        private=place / "private",
        results=place / "results",
    )


def replace_computable(board: Board, names: frozenset[str]) -> Board:
    return Board(**{**vars(board), "computable": names})


def test_each_scores_as_if_it_were_alone(root: Path, small: Dataset, tmp_path: Path, scorings: Scorings) -> None:
    shutil.rmtree(root / "bad")
    cli.run(call(root, small.folder, tmp_path / "all", "--jobs", "2"))
    for folder in (root / "a", root / "c"):
        places = [f"--{name}={tmp_path / 'one' / name}" for name in ("runs", "private", "results")]
        cli.run(["--quiet", "score", str(folder), "--data", str(small.folder), *places, "--device", "cpu"])
    found = [contents(tmp_path / place / "private", tmp_path / place / "results") for place in ("all", "one")]
    timeless = [{name: data for name, data in one.items() if "logs" not in name and ".t" not in name} for one in found]
    assert timeless[0] == timeless[1]
    assert len(timeless[0]) > 8


def test_pictures_are_scored_like_code(small: Dataset, tmp_path: Path, scorings: Scorings) -> None:
    folder = tmp_path / "submissions/pictures"
    write_submission(folder, Submission(team="osaka", method="pictures"))
    for case in small.split("test"):
        (folder / "images" / case.source_id).mkdir(parents=True)
        for index in range(6):
            source = small.folder / case.oct / f"{case.case_id}_{index}.png"
            shutil.copyfile(source, folder / "images" / case.source_id / f"{case.source_id}_{index}.png")
    for _ in range(2):
        assert cli.run(call(tmp_path / "submissions", small.folder, tmp_path)) == 0
    assert scorings.names == ["pictures"]


def test_a_scorer_that_was_killed_is_started_again_once(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings, capsys: pytest.CaptureFixture[str]
) -> None:
    scorings.answers = {"a": [(-9, "")], "c": [(-9, ""), (-9, "")], "bad": [(1, "E_INTERNAL: x\n")]}
    assert cli.run(call(root, small.folder, tmp_path)) == 3
    assert scorings.names == ["a", "a", "bad", "c", "c"]
    assert records(tmp_path) == ["a"]
    err = capsys.readouterr().err
    assert "E_SCORER: submission was not scored | where: kyoto/c" in err
    assert "E_INTERNAL: submission was not scored | where: toy/bad" in err


BATCH = """
    def generate_batch(self, fundus_list, *, eyes, seeds):
        return [self.generate(fundus, eye=eye, seed=seed) for fundus, eye, seed in zip(fundus_list, eyes, seeds)]
"""


def test_limits_batches_and_fresh_processes_are_as_for_one_submission(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings
) -> None:
    shutil.rmtree(root / "bad")
    module, about = root / "c/toy_plugin.py", root / "c/submission.toml"
    module.write_text(module.read_text().replace("\ndef make", f"{BATCH}\ndef make"))
    about.write_text(f"batch = true\n{about.read_text()}")
    (tmp_path / "limits.toml").write_text("case_seconds = 7\nmemory_bytes = 3_000_000_000\n")
    options = ["--limits", str(tmp_path / "limits.toml"), "--batch", "2", "--fresh-process"]
    assert cli.run(call(root, small.folder, tmp_path, *options)) == 0
    plans = {plan["submission"]["method"]: plan for plan in map(plan_of, (tmp_path / "runs").rglob("plan.json"))}
    assert {method: plan["generator"]["batch"] for method, plan in plans.items()} == {"a": 1, "c": 2}
    assert all(plan["generator"]["fresh_process"] for plan in plans.values())
    assert all(plan["limits"] == vars(Limits(case_seconds=7.0, memory_bytes=3_000_000_000)) for plan in plans.values())


def plan_of(path: Path) -> dict[str, Any]:
    return RunFolder(path.parent).plan()


def test_bad_limits_are_told_before_anything_is_run(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "limits.toml").write_text("memory = 3\n")
    assert cli.run(call(root, small.folder, tmp_path, "--limits", str(tmp_path / "limits.toml"))) == 3
    assert "E_CONFIG: limit 'memory'" in capsys.readouterr().err
    assert scorings.calls == []


def test_fewer_submissions_fit_where_each_may_take_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr(score_all, "available_bytes", lambda: 400 * 2**30)
    assert score_all.default_jobs("cpu", [], Limits(memory_bytes=97 * 2**30)) == 4
    assert score_all.default_jobs("cpu", [], Limits(threads=16)) == 4


def test_threads_of_scorers_that_wait_sleep_unless_the_caller_says_otherwise(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorings.answers = {name: [(3, "E_PLUGIN: x\n")] * 2 for name in ("a", "bad", "c")}
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    cli.run(call(root, small.folder, tmp_path))
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    cli.run(call(root, small.folder, tmp_path))
    assert [found["OMP_WAIT_POLICY"] for found in scorings.environments] == ["PASSIVE"] * 3 + ["ACTIVE"] * 3


def test_one_that_another_process_scores_is_waited_for(
    root: Path, small: Dataset, tmp_path: Path, scorings: Scorings
) -> None:
    shutil.rmtree(root / "bad")
    scorings.answers["a"] = [(3, "E_LOCKED: another process works in this folder\n")] * 3
    assert cli.run(call(root, small.folder, tmp_path)) == 0
    assert scorings.names == ["a"] * 4 + ["c"]
    assert records(tmp_path) == ["a", "c"]


def test_gpus_are_dealt_so_that_no_two_jobs_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most = set[int | None](), 0

    class Fake(Task):
        def run(self, gpu: int | None = None, stop: threading.Event | None = None) -> Outcome:
            nonlocal most
            assert gpu not in busy
            busy.add(gpu)
            most = max(most, len(busy))
            time.sleep(0.02)
            busy.discard(gpu)
            return Outcome(name=self.name, state="scored")

    tasks = [Fake(f"toy/{i}", Path(), None) for i in range(12)]  # type: ignore[arg-type]  # no board is needed
    told: list[str] = []
    outcomes = score_all.score_all(tasks, jobs=3, gpus=[0, 1, 5], tell=lambda outcome: told.append(outcome.name))
    assert [outcome.name for outcome in outcomes] == [task.name for task in tasks]
    assert sorted(told) == sorted(task.name for task in tasks)
    assert most == 3


@pytest.mark.parametrize(
    ("cores", "gib", "device", "jobs"),
    [(64, 400, "cpu", 21), (64, 20, "cpu", 1), (2, 400, "cpu", 1), (8, 100, "cpu", 4), (64, 400, "cuda", 3)],
)
def test_the_number_of_jobs_follows_processors_memory_and_gpus(
    monkeypatch: pytest.MonkeyPatch, cores: int, gib: int, device: str, jobs: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(score_all, "available_bytes", lambda: gib * 2**30)
    assert score_all.default_jobs(device, [0, 1, 2], Limits()) == jobs


def test_only_visible_gpus_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert score_all.visible_gpus() == [2, 5]


def test_options_of_all_are_refused_without_it(small: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["score", "x", "--data", str(small.folder), "--jobs", "2"]) == 2
    assert cli.run(["score", "x", "--all", "y", "--data", str(small.folder)]) == 2
    assert cli.run(["score", "--all", "y", "--data", str(small.folder), "--shard", "3/2"]) == 2
    err = capsys.readouterr().err
    assert all(words in err for words in ("belong to --all", "give one of", "'3/2' is not i/N"))


def start(arguments: list[str], **variables: str) -> subprocess.Popen[bytes]:
    """`bench` in a process of its own, without weights: the scorers that it starts have none either."""
    environment = os.environ | {weight_registry.CACHE_VARIABLE: os.devnull, **variables}
    command = [sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def public(place: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(place / "results").items() if ".timing" not in name}


def wait_for(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_at_once_or_twice_at_once_every_submission_is_scored_once(
    root: Path, small: Dataset, tmp_path: Path
) -> None:
    """Real processes: a kill -9 in the middle leaves no scorer behind; then two calls share the work."""
    shutil.rmtree(root / "bad")
    calls = tmp_path / "calls"
    top = f"def note(seed):\n    with open({str(calls)!r}, 'a') as file:\n        print(seed, file=file)"
    write_plugin(root / "a", f"note(seed)\ntime.sleep(0.3)\n{SPECKLE}", top=top, method="a")
    first = start(call(root, small.folder, tmp_path))
    wait_for(lambda: list((tmp_path / "runs").rglob("cases/*.json")))
    first.kill()
    first.communicate()
    both = [start(call(root, small.folder, tmp_path)) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert records(tmp_path) == ["a", "c"]
    seeds = calls.read_text().split()
    assert len(set(seeds)) == 3
    assert len(seeds) <= 4  # the case that the kill interrupted
    assert not list(tmp_path.rglob(".tmp-*"))


def test_killed_after_the_first_submission_it_goes_on_with_the_second(
    root: Path, small: Dataset, tmp_path: Path
) -> None:
    shutil.rmtree(root / "bad")
    killed = start(call(root, small.folder, tmp_path), BENCH_KILL_AT="submission done")
    killed.communicate(timeout=300)
    assert (killed.returncode, records(tmp_path)) == (-9, ["c"])
    resumed = start(call(root, small.folder, tmp_path))
    out, _ = resumed.communicate(timeout=300)
    assert (resumed.returncode, records(tmp_path), len(out.splitlines())) == (0, ["a", "c"], 2)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_call_ends_its_scorers_and_says_how_to_go_on(
    root: Path, small: Dataset, tmp_path: Path, kind: signal.Signals
) -> None:
    write_plugin(root / "a", "time.sleep(60)", method="a")
    process = start(call(root, small.folder, tmp_path))
    wait_for(lambda: list((tmp_path / "runs").rglob("plan.json")))
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"to go on: bench --quiet score --all " in err
    assert records(tmp_path) == []
