"""Submissions scored by Dask workers: the bytes of one process, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_tasks import Done, Lost
from plugin_folders import SPECKLE, write_plugin
from run_contents import contents

from fundus2oct.benchmark import cluster, score_all_board
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.phase_filing import Filing
from fundus2oct.benchmark.score_all import score_all
from fundus2oct.benchmark.score_all_task import Outcome, Task
from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.errors import BenchError

SLURM = 'workers = 4\ncores = 4\nmemory = "24GB"\nwalltime = "12:00:00"\n'


@pytest.fixture
def tasks_in(tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the tasks of two submissions, `a` slow enough to be killed, on a board in a folder of its own."""
    monkeypatch.setenv(weight_registry.CACHE_VARIABLE, os.devnull)
    write_plugin(tmp_path / "submissions/a", f"time.sleep(0.5)\n{SPECKLE}", method="a")
    write_plugin(tmp_path / "submissions/b", f"time.sleep(0.5)\n{SPECKLE}", method="b")

    def make(name: str) -> list[Task]:
        place = tmp_path / name
        filing = Filing(results=place / "results", private=place / "private")
        options = ("--split", "test", "--sandbox", "none", "--device", "cpu")
        board = score_all_board.make_board(
            small, "test", "test", seed=0, runs=place / "runs", filing=filing, options=options
        )
        return [Task(f"toy/{method}", tmp_path / "submissions" / method, board) for method in "ab"]

    return make


def files(place: Path) -> dict[str, bytes]:
    found = contents(place / "runs", place / "private", place / "results")
    return {name: data for name, data in found.items() if "logs/" not in name and ".timing" not in name}


def wait_for_cases(folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.rglob("cases/*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def local() -> Iterator[Any]:
    """A client of two worker processes."""
    pytest.importorskip("distributed", reason="dask is not installed: pip install 'fundus2oct[cluster]'")
    with cluster.open_client("local", 2) as client:
        yield client


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_no_byte(tasks_in: Any, local: Any, tmp_path: Path) -> None:
    """Both workers are busy when one dies; its task is run again and goes on with the cases that are left."""
    pids = list(local.run(os.getpid).values())
    told: list[Outcome] = []

    def kill() -> None:
        wait_for_cases(tmp_path / "dask/runs")
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = cluster.score_on_cluster(tasks_in("dask"), local, tell=told.append)
    killer.join()
    alone = score_all(tasks_in("alone"), jobs=1)
    assert [outcome.state for outcome in outcomes] == ["scored", "scored"]
    assert [outcome.sha256 for outcome in outcomes] == [outcome.sha256 for outcome in alone]
    assert len(told) == 2
    assert files(tmp_path / "dask") == files(tmp_path / "alone")
    assert pids[0] not in local.run(os.getpid).values()


@pytest.mark.slow
def test_a_task_without_an_answer_fails_alone_and_an_answer_is_a_path_and_a_hash(
    local: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [Lost("toy/a", Path("a"), None), Done("toy/b", Path("b"), None)]  # type: ignore[arg-type]  # no board
    outcomes = cluster.score_on_cluster(tasks, local)
    assert [(outcome.state, outcome.code) for outcome in outcomes] == [("failed", "E_SCORER"), ("scored", "")]
    assert capsys.readouterr().err.count("no answer from a worker: RuntimeError('no answer')") == cluster.ROUNDS
    assert len(pickle.dumps(outcomes[1])) < 1000


WRONG: dict[str, tuple[str, str]] = {
    "no table": ("workers", "E_CLUSTER: not valid TOML"),
    "unknown key": (SLURM + 'partition = "a"\n', "unknown key 'partition'"),
    "missing key": ("workers = 4\ncores = 2\n", "E_MANY"),
    "wrong type": (SLURM + 'directives = ["a", 1]\n', "key 'directives'"),
    "no workers": (SLURM.replace("workers = 4", "workers = 0"), "key 'workers'"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_slurm_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "slurm.toml").write_text(text)
    with pytest.raises(BenchError, match=words):
        cluster.slurm_options(tmp_path / "slurm.toml")


def test_a_slurm_file_makes_the_script_of_a_job(tmp_path: Path) -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    path = tmp_path / "slurm.toml"
    path.write_text(SLURM + 'queue = "gpu"\ndirectives = ["--gres=gpu:1"]\nprologue = ["module load python"]\n')
    options = cluster.slurm_options(path)
    assert options.pop("workers") == 4
    with jobqueue.SLURMCluster(**options, n_workers=0) as found:
        script = found.job_script()
    for line in ("#SBATCH -p gpu", "#SBATCH --cpus-per-task=4", "#SBATCH -t 12:00:00", "#SBATCH --gres=gpu:1"):
        assert line in script
    assert "module load python" in script
    assert script.rindex("--nthreads 1") > script.rindex("dask_worker")


@pytest.mark.parametrize("place", ["http://somewhere", "slurm", ""])
def test_an_unknown_cluster_is_refused(place: str) -> None:
    pytest.importorskip("distributed", reason="dask is not installed: pip install 'fundus2oct[cluster]'")
    with (
        pytest.raises(BenchError, match=r"E_CLUSTER: no such cluster .*tcp://host:port"),
        cluster.open_client(place, 1),
    ):
        pass


def test_an_address_where_nobody_answers_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="dask is not installed: pip install 'fundus2oct[cluster]'")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with (
        pytest.raises(BenchError, match=r"E_CLUSTER: no cluster at this address .*tcp://127\.0\.0\.1:9 "),
        cluster.open_client("tcp://127.0.0.1:9", 1),
    ):
        pass
