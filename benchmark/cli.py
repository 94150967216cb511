"""The command `bench`: names of commands, loaded late, and the one place where an error becomes a line and a code.

No command lives here: each package owns its own and is imported when its command is called, so that `bench --help`
loads neither torch nor pandas.
"""

from __future__ import annotations

import importlib
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from fundus2oct.metrics.errors import BenchError, BenchErrors, ExitCode

COMMANDS: dict[str, tuple[str, str]] = {
    "data": ("fundus2oct.benchmark.data_commands:data", "Make, import, check and show datasets."),
    "weights": ("fundus2oct.metrics.weights_commands:weights", "List and install the weights of feature networks."),
    "list": ("fundus2oct.benchmark.list_command:list_generators", "List the generators found on this machine."),
    "new": ("fundus2oct.benchmark.new_command:new", "Make a submission's folder that works at once."),
    "check": ("fundus2oct.benchmark.check_command:check", "Find every static problem of a submission."),
    "try": ("fundus2oct.benchmark.try_command:try_", "Rehearse an organiser's run of a submission."),
    "train": ("fundus2oct.baselines.train_command:train", "Fit a reference generator."),
    "generate": ("fundus2oct.benchmark.generate_command:generate", "Run a generator over a split."),
    "merge": ("fundus2oct.benchmark.merge_command:merge", "Put the shards of a run together."),
    "score": ("fundus2oct.benchmark.score_command:score", "Score a generator, a run, an archive or an oracle."),
    "compare": ("fundus2oct.benchmark.compare_command:compare", "Compare entries: differences, ranks, tiers."),
    "verify": ("fundus2oct.benchmark.verify_command:verify", "Reproduce a filed record, check its signature."),
    "audit": ("fundus2oct.benchmark.audit_command:audit", "Put the metrics on trial: the truth under known faults."),
    "pictures": ("fundus2oct.benchmark.pictures_command:pictures", "Make small pictures for the board's viewer."),
    "clean": ("fundus2oct.benchmark.clean_command:clean", "Give disk space back, never a result."),
    "status": ("fundus2oct.benchmark.status_command:status", "Withdraw, disqualify or reinstate an entry."),
    "leaderboard": ("fundus2oct.leaderboard.commands:leaderboard", "Build and serve the static board."),
    "export": ("fundus2oct.leaderboard.export_command:export", "Write a board as JSON, CSV, LaTeX, BibTeX, report."),
    "doctor": ("fundus2oct.benchmark.doctor_command:doctor", "What this machine offers, found by trying it."),
    "explain": ("fundus2oct.benchmark.explain_command:explain", "Say what an error code means and what to do."),
    "demo": ("fundus2oct.benchmark.demo_command:demo", "The whole path on the phantom: data to board."),
}
"""Name -> (where the command lives, what it does in one line)."""


class LateGroup(click.Group):
    """A group whose commands are imported when they are called, and listed without being imported."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands in the order in which one uses them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one command; None when there is no such name."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LateGroup, context_settings={"auto_envvar_prefix": "BENCH", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fundus2oct", prog_name="bench")
@click.option("--quiet", is_flag=True, help="No progress and no hints on stderr; errors still.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def bench(quiet: bool, debug: bool) -> None:
    """Fundus2OCT Bench: how well can a generator draw the OCT from the photograph?

    Data goes to stdout, progress and messages to stderr. Running a command again resumes it. Every option is also an
    environment variable, such as BENCH_QUIET or BENCH_SCORE_SPLIT.

    \b
    Example:
      bench demo --out demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `bench` and exit with a documented code; SIGTERM (a batch system's) is an interruption too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run `bench` with ``arguments`` and return its exit code; every error ends here as one line on stderr."""
    debug = "--debug" in arguments or os.environ.get("BENCH_DEBUG", "") not in ("", "0")
    try:
        status: Any = bench.main(args=list(arguments), prog_name="bench", standalone_mode=False)
    except BenchError as error:
        return _report(error, debug)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        fix = f"run the same command again to go on: {shlex.join(['bench', *arguments])}"
        return _report(BenchError("E_INTERRUPTED", "interrupted", fix=fix), False, ExitCode.INTERRUPTED)
    except SystemExit:  # click's answer to a closed pipe: the reader has gone; nothing is left to say to it
        return ExitCode.OK
    except Exception as error:  # the last net: anything that arrives here is a defect of ours
        if debug:
            traceback.print_exc()
        fix = "this is a defect of fundus2oct: run again with `bench --debug ...` and report it"
        return _report(BenchError("E_INTERNAL", f"{type(error).__name__}: {error}", fix=fix), False, ExitCode.INTERNAL)
    return int(status) if isinstance(status, int) else ExitCode.OK


def _report(error: BenchError, debug: bool, code: ExitCode | None = None) -> int:
    if isinstance(error, BenchErrors):
        for problem in error.problems:
            click.echo(problem.line(), err=True)
    click.echo(error.line(), err=True)
    if debug:
        traceback.print_exception(error)
    return error.exit_code if code is None else code


if __name__ == "__main__":
    main()
