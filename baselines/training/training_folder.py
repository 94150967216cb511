"""From a learned method and a dataset to a trained generator folder, in one sitting or in several.

The folder keeps its name from the first step on, because training resumes in it. `training.json` says what it is made
from: the same request goes on, another one is refused. Until the training is finished the folder says in its
`submission.toml` that it is not, and its generator says so whenever it is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fundus2oct.baselines.catalogue import Method
from fundus2oct.baselines.fitted_folder import (
    LEARNED_FILE,
    TRAINING_FILE,
    already_fitted,
    submission_of,
    training_record,
)
from fundus2oct.baselines.training.checkpoint import (
    CONFIG_FILE,
    PROGRESS_FILE,
    STATE_FILE,
    read_json,
    read_state,
    write_progress,
)
from fundus2oct.baselines.training.eye_tensors import EyeTensors, bscan_pictures, load_eyes
from fundus2oct.baselines.training.folder_keeper import TENSORBOARD_FOLDER, FolderKeeper
from fundus2oct.baselines.training.interruption import postponed_interruption
from fundus2oct.baselines.training.learned_method import LearnedMethod
from fundus2oct.baselines.training.loop import Training
from fundus2oct.baselines.training.processes import Processes, joined_processes
from fundus2oct.baselines.training.settings import as_document
from fundus2oct.baselines.training.tensorboard_log import tensorboard_rows
from fundus2oct.baselines.training.trained_generator import photograph_condition
from fundus2oct.baselines.training_set import ShowProgress, silent, training_set
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.picture_file import picture_digest
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.submission_file import write_submission
from fundus2oct.metrics.durable_file import remove_temporaries, write_json
from fundus2oct.metrics.errors import BenchError, ExitCode

FREE_SETTINGS = ("parts", "save_seconds", "sheet_seconds")
"""Settings of [train] that may change between two sittings: they say how, not what, is trained."""


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What the user asked for.

    Attributes:
        method: of the catalogue.
        dataset: what to learn from.
        split: which part of it.
        seed: of everything that is drawn.
        profile: name of the profile that the settings come from.
        device: auto, cpu, cuda, cuda:1, ...
        unpaired: folders of B-scans without photographs.
        tensorboard: whether to write losses for TensorBoard.
    """

    method: Method
    dataset: Dataset
    split: str = "train"
    seed: int = 0
    profile: str = "demo"
    device: str = "auto"
    unpaired: Sequence[Path] = ()
    tensorboard: bool = False


def train_into(
    out: Path, learned: LearnedMethod, settings: Any, request: TrainingRequest, *, show: ShowProgress = silent
) -> bool:
    """Train, or go on training, into the folder ``out``.

    Args:
        out: the generator folder to make.
        learned: what is trained.
        settings: of the kind that ``learned`` asks for.
        request: on what, and how.
        show: told how far the reading of eyes is.

    Returns:
        False when ``out`` already holds this very training, finished; True when it was finished now.

    Raises:
        BenchError: E_CONFIG, E_LOCKED, E_SPLIT, E_TRUTH, E_EXISTS, E_DEVICE, E_STATE, E_MEMORY, E_DIVERGED, E_DISK.
        KeyboardInterrupt: when asked to stop; the training is saved.
    """
    training = training_set(request.dataset, request.split)
    pictures = [path for folder in request.unpaired for path in bscan_pictures(folder)]
    record = _record(request, settings, pictures)
    with joined_processes(request.device) as processes, contextlib.ExitStack() as held:
        _check_batch(settings, processes)
        done = False
        if processes.is_first:
            done = already_fitted(out, record) and _is_finished(out, learned.name)
            if not done:
                held.enter_context(_opened(out, record, request, settings))
        if processes.agree(float(done)) == (1.0,):
            return False
        condition = photograph_condition(settings.conditioning)
        quiet = show if processes.is_first else silent
        eyes = load_eyes(training, settings.data, condition, unpaired=pictures, show=quiet)
        _train(out, learned, settings, eyes, processes, request)
    return True


def _train(
    out: Path,
    learned: LearnedMethod,
    settings: Any,
    eyes: EyeTensors,
    processes: Processes,
    request: TrainingRequest,
) -> None:
    keeper = FolderKeeper(out, lambda progress: _tell(out, request.method, progress))
    state = read_state(out)
    if state and processes.is_first:
        say(f"{out}: going on from {_place(read_json(out, PROGRESS_FILE, method=learned.name))}")
    with contextlib.ExitStack() as held:
        if request.tensorboard and processes.is_first:
            keeper.log_row = held.enter_context(tensorboard_rows(out / TENSORBOARD_FOLDER))
        training = Training(
            learned.stages(settings),
            eyes,
            settings.train,
            request.seed,
            processes,
            keeper,
            asked_to_stop=held.enter_context(postponed_interruption()),
        )
        try:
            training.run(state)
        except KeyboardInterrupt:
            if processes.is_first and (out / STATE_FILE).exists():
                place = _place(read_json(out, PROGRESS_FILE, method=learned.name))
                say(f"{out}: saved at {place}; the same command goes on from there")
            raise


def _record(request: TrainingRequest, settings: Any, pictures: Sequence[Path]) -> dict[str, Any]:
    """Everything a training depends on, as JSON."""
    document = as_document(settings)
    document["train"] = {name: value for name, value in document["train"].items() if name not in FREE_SETTINGS}
    record = training_record(request.method, request.dataset, split=request.split, seed=request.seed, settings=document)
    if pictures:
        digests = "".join(map(picture_digest, pictures))
        record["unpaired"] = {"bscans": len(pictures), "hash": hashlib.sha256(digests.encode()).hexdigest()}
    return record


def _check_batch(settings: Any, processes: Processes) -> None:
    """E_CONFIG when the batch cannot be shared by the processes."""
    train = settings.train
    if train.batch % (processes.count * train.parts):
        raise BenchError(
            "E_CONFIG",
            "the batch cannot be divided",
            where="train.batch",
            expected=f"a multiple of {processes.count} processes x {train.parts} parts",
            found=str(train.batch),
            exit_code=ExitCode.USAGE,
        )


def _is_finished(out: Path, method: str) -> bool:
    """Whether the training in ``out`` is done; one that was killed before its first checkpoint is not."""
    return (out / PROGRESS_FILE).exists() and bool(read_json(out, PROGRESS_FILE, method=method).get("finished"))


@contextlib.contextmanager
def _opened(out: Path, record: Mapping[str, Any], request: TrainingRequest, settings: Any) -> Iterator[None]:
    """Hold the folder against a second training; what it is made from is written before the first step."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError("E_DISK", f"cannot write: {error.strerror or error}", where=out) from None
    is_new = not (out / TRAINING_FILE).exists()
    with only_process(out):
        remove_temporaries(out)
        write_json(out / TRAINING_FILE, record)
        write_json(
            out / CONFIG_FILE,
            {"method": request.method.name, "profile": request.profile, "settings": as_document(settings)},
        )
        if is_new:
            progress = {"finished": False, "stage": "", "step": 0, "seconds": 0.0, "budget_used": 0.0}
            write_progress(out, progress)
            _tell(out, request.method, progress)
        yield


def _tell(out: Path, method: Method, progress: Mapping[str, Any]) -> None:
    """Write what the folder says of itself: whose generator it is, how far, and what it learned."""
    submission = submission_of(method)
    if not progress["finished"]:
        title = f"{submission.title} (unfinished)"
        description = f"Unfinished: the training stands at {_place(progress)}. {submission.description}"
        submission = replace(submission, title=title, description=description)
    write_submission(out, submission)
    write_json(out / LEARNED_FILE, {name: progress[name] for name in ("step", "seconds", "budget_used")})


def _place(progress: Mapping[str, Any]) -> str:
    """How far a training is, in words."""
    return f"step {progress['step']} of stage {progress['stage'] or 'one'}, {progress['budget_used']:.0%} of its budget"
