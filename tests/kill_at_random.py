"""Kill `bench generate`, then `bench score`, with SIGKILL at random moments, resume, compare with an undisturbed run.

Run it by hand, on toy data or on real data::

    .venv/bin/python tests/kill_at_random.py --data DIR --generator FOLDER [--kills 10] [--seed 0] [--split test]

Each command is killed, resumed, killed again, until it ends of itself; then its files are compared byte by byte with
those of the undisturbed run (logs, locks, times and the cache excepted), and a new round begins, until there were as
many kills as were asked for. Each kill is printed with the last step that was reached (`benchmark.steps`). The exit
code is 1 if any round differed. Networks whose weights are installed are used.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))

from run_contents import contents

GOOD_ENDS = (0, 4)


def bench(arguments: list[str], step_file: Path) -> subprocess.Popen[bytes]:
    """Start one `bench` command; what it says is not shown."""
    step_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", *arguments]
    environment = os.environ | {"BENCH_STEP_FILE": str(step_file)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(arguments: list[str], step_file: Path) -> float:
    """Run a command to its end and return how many seconds that took; an error ends this script."""
    started = time.monotonic()
    process = bench(arguments, step_file)
    _, err = process.communicate()
    if process.returncode not in GOOD_ENDS:
        raise SystemExit(f"bench {' '.join(arguments)} ended with {process.returncode}:\n{err.decode()}")
    return time.monotonic() - started


def killed_after(seconds: float, arguments: list[str], step_file: Path) -> bool:
    """Run a command and kill it after some time; False when it had ended before."""
    process = bench(arguments, step_file)
    try:
        _, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode not in GOOD_ENDS:
        raise SystemExit(f"a resumed bench {arguments[0]} ended with {process.returncode}:\n{err.decode()}")
    return False


def last_step(step_file: Path) -> str:
    """The step that a killed process reached last, as far as it could say."""
    text = step_file.read_text(encoding="utf-8") if step_file.exists() else "the start"
    return text or "a step that was just being named"


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """Names of files that are missing, surplus or not equal."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def torment(name: str, work: Path, call: Callable[[Path], list[str]], kills: int, chance: random.Random) -> bool:
    """Kill and resume one command until there were enough kills; whether every round ended with the same bytes."""
    step_file = work / "step"
    seconds = finish(call(work / "undisturbed"), step_file)
    expected = contents(*sorted((work / "undisturbed").iterdir()))
    print(f"{name}: undisturbed in {seconds:.1f} s, {len(expected)} files", flush=True)
    disturbed, done, rounds, same, longest = work / "disturbed", 0, 0, True, seconds
    while done < kills:
        delay, is_fresh = chance.uniform(0, longest), not disturbed.exists()
        if killed_after(delay, call(disturbed), step_file):
            done += 1
            print(f"{name}: kill {done} after {delay:5.2f} s, last step: {last_step(step_file)}", flush=True)
            if done < kills:
                continue
            finish(call(disturbed), step_file)
        if is_fresh:  # the whole command took less time than the undisturbed one: the machine was busy then
            longest = min(longest, delay)
        rounds += 1
        found = differences(expected, contents(*sorted(disturbed.iterdir())))
        same &= not found
        print(f"{name}: round {rounds} is {'different: ' + ', '.join(found) if found else 'identical'}", flush=True)
        shutil.rmtree(disturbed)
    print(f"{name}: {'identical' if same else 'DIFFERENT'} after {done} kills in {rounds} rounds", flush=True)
    return same


def main() -> None:
    """Read the command line and torment both commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="dataset folder with truth")
    parser.add_argument("--generator", required=True, help="a generator, as `bench generate` takes it")
    parser.add_argument("--split", default="test")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    shared = ["--data", options.data, "--split", options.split]
    with tempfile.TemporaryDirectory() as folder:
        generating, scoring = Path(folder, "generate"), Path(folder, "score")
        run = str(generating / "undisturbed/run")

        def generate(place: Path) -> list[str]:
            return ["generate", options.generator, *shared, "--out", str(place / "run")]

        def score(place: Path) -> list[str]:
            places = ["--private", str(place / "private"), "--results", str(place / "results")]
            return ["score", run, *shared, *places]

        for work in (generating, scoring):
            work.mkdir()
        same = torment("generate", generating, generate, options.kills, chance)
        same &= torment("score", scoring, score, options.kills, chance)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
