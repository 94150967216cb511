"""A run that several workers make on a shared folder: each writes a shard of its own, one merger puts them together.

::

    RUN/shards/002-of-004/    a run's folder like any other, whose plan has this shard's cases alone
    RUN/plan.json, ...        after `bench merge RUN`: byte for byte those of a run that nobody shared out

No worker writes where another does, so nothing depends on locks that a network's file system may not keep.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.progress import progress
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.volume import read_volume
from fundus2oct.metrics.durable_file import canonical_json, write_bytes
from fundus2oct.metrics.errors import BenchError

SHARDS = "shards"
NAME = re.compile(r"([0-9]{3,})-of-([0-9]{3,})")
LOGS = ("timing.jsonl", "private.log")
"""Files that are put one after the other; no part of what is compared."""

Plan = dict[str, Any]


def shard_folder(run: Path, shard: Shard) -> Path:
    """Where one worker writes."""
    return run / SHARDS / shard.folder_name


def shard_plan(plan: Mapping[str, Any], shard: Shard) -> Plan:
    """The plan of one share: its cases alone, and what is needed to see that none of the others is missing."""
    share = {"index": shard.index, "count": shard.count, "plan_hash": _hash(plan)}
    taken = shard.share(case["case_id"] for case in plan["cases"])
    return {**plan, "cases": [case for case in plan["cases"] if case["case_id"] in taken], "shard": share}


def merge_run(folder: Path) -> dict[str, Any]:
    """Put the shards of a run together, resuming what an earlier call left.

    Args:
        folder: the run's folder, with ``shards/`` in it; the shards stay as they are.

    Returns:
        the content of `run.json`.

    Raises:
        BenchError: E_MISSING when there are no shards or one of them is absent, E_INCOMPLETE for one that is not
            done, E_CHANGED when two were planned differently, E_DUPLICATE when two hold one case.
    """
    shards = _shards(folder)
    plan = _common_plan(shards, folder)
    run = RunFolder(folder)
    with run.locked():
        run.begin(plan)
        unfinished = set(run.unfinished())
        with progress("merge", len(plan["cases"]), done=len(plan["cases"]) - len(unfinished)) as advance:
            for shard in shards:
                for case_id in shard.case_ids():
                    if case_id in unfinished:
                        _copy_case(shard, run, case_id)
                        step("case merged")
                        advance(1)
        for name in LOGS:
            _join(name, shards, run)
        return run.finish()


def _shards(folder: Path) -> list[RunFolder]:
    """Every shard of a run, in order; all are there and complete."""
    found = {}
    for path in sorted((folder / SHARDS).glob("*")):
        if (name := NAME.fullmatch(path.name)) and (path / "plan.json").exists():
            found[Shard(int(name[1]), int(name[2]))] = RunFolder(path)
    if not found:
        fix = "generate them first: bench generate ... --shard i/N"
        raise BenchError("E_MISSING", "no shards in this folder", where=folder / SHARDS, fix=fix)
    counts = sorted({shard.count for shard in found})
    if len(counts) > 1:
        fix = "remove the shards that do not belong to this run"
        what, where = "shards of different divisions", folder / SHARDS
        raise BenchError("E_CHANGED", what, where=where, expected="one N", found=f"N = {counts}", fix=fix)
    wanted = [Shard(index, counts[0]) for index in range(1, counts[0] + 1)]
    if missing := [shard for shard in wanted if shard not in found]:
        what = f"{len(missing)} of {counts[0]} shards are missing"
        fix = f"run the same `bench generate` with --shard {missing[0]}"
        raise BenchError("E_MISSING", what, where=folder / SHARDS, found=str(missing[0]), fix=fix)
    return [found[shard] for shard in wanted]


def _common_plan(shards: Sequence[RunFolder], folder: Path) -> Plan:
    """The plan that all shards are shares of: equal but for their cases, which together are all of it, each once."""
    plans = [shard.plan() for shard in shards]
    for shard, plan in zip(shards, plans, strict=True):
        shard.summary()
        _require_same(plans[0], plan, shard)
    cases = sorted((case for plan in plans for case in plan["cases"]), key=lambda case: str(case["case_id"]))
    counts = Counter(case["case_id"] for case in cases)
    if twice := sorted(case_id for case_id, n in counts.items() if n > 1):
        raise BenchError("E_DUPLICATE", "a case is in two shards", where=folder / SHARDS, found=twice[0])
    plan = {**plans[0], "cases": cases}
    wanted = plan.pop("shard")["plan_hash"]
    if _hash(plan) != wanted:
        what, fix = "the shards' cases are not those of the plan", "generate the shards again"
        raise BenchError("E_CHANGED", what, where=folder / SHARDS, expected=wanted, found=_hash(plan), fix=fix)
    return plan


def _require_same(first: Plan, plan: Plan, shard: RunFolder) -> None:
    keys = (first.keys() | plan.keys()) - {"cases", "shard"}
    changed = sorted(key for key in keys if first.get(key) != plan.get(key))
    if first["shard"]["plan_hash"] != plan["shard"]["plan_hash"]:
        changed = changed or ["list of cases"]
    if changed:
        raise BenchError(
            "E_CHANGED",
            f"this shard was planned with another {', '.join(changed)} than the first",
            where=shard.plan_path,
            expected=canonical_json({key: first.get(key) for key in changed})[:240],
            found=canonical_json({key: plan.get(key) for key in changed})[:240],
            fix="generate this shard again in a new folder, with the same generator, data, seed, device and limits",
        )


def _copy_case(shard: RunFolder, run: RunFolder, case_id: str) -> None:
    """Copy one case, checked: it gets the record that it would have got had it been generated here."""
    record = shard.record(case_id)
    if record is None:
        what, fix = "a case of this shard is damaged", "run its `bench generate` again: it repairs what has changed"
        raise BenchError("E_CHANGED", what, where=shard.path, found=case_id, fix=fix)
    if record.ok:
        run.store_volume(case_id, read_volume(shard.volume_path(case_id)))
    else:
        run.store_failure(case_id, str(record.code))


def _join(name: str, shards: Sequence[RunFolder], run: RunFolder) -> None:
    parts = [path.read_bytes() for shard in shards if (path := shard.path / name).exists()]
    if parts:
        write_bytes(run.path / name, b"".join(parts))


def _hash(plan: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(plan)).encode("utf-8")).hexdigest()
