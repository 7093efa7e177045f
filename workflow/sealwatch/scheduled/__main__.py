"""Command line of a scheduled run: `python -m sealwatch.scheduled --configfile my.yaml`.

Refreshes the catalogue, runs the workflow in the current folder and tells what is new. Mail goes to --mail-to, by the
server of SEALWATCH_SMTP_URL or the local sendmail; a post goes to SEALWATCH_WEBHOOK_URL where it is set; without
either the summary is printed. --save writes new alerts to a file besides.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import SealwatchError
from ..feed.about import about
from .holder import explain, lock_files, working_there
from .lock import BusyError, Held, now, only_run
from .runs import Failure, StoppedError, run_snakemake
from .send import Save, chosen_ways
from .state import Told, read_state
from .tell import tell

BUSY = os.EX_TEMPFAIL
"""Exit status where another run works: 75, which a timer need not count as a failure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, or clear Snakemake's lock; 0 if all went well, 75 if another run works, 1 if something failed."""
    chosen = _parser().parse_args(arguments)
    try:
        config = settings.merged(chosen.configfile)
        with only_run(chosen.lock_file or Path(config["results"]) / "scheduled.lock") as held:
            return _unlock(chosen, config, held) if chosen.unlock else _run(chosen, config, held)
    except BusyError as busy:
        print(f"sealwatch: {busy}", file=sys.stderr)
        return BUSY
    except StoppedError as stopped:
        print("sealwatch: stopped by a signal; what is new is told at the next run", file=sys.stderr)
        return 128 + int(stopped.args[0])
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace, config: dict[str, Any], held: Held) -> int:
    save = Save(chosen.save, about(config)) if chosen.save else None
    ways = chosen_ways(chosen.mail_to, chosen.mail_from, save)
    folder = Path(config["results"]) / "scheduled"
    told, begin = Told(folder / "told.json"), now()
    told.begin(ways, lambda: read_state(config))
    failure = _steps(chosen, folder, held)
    span = f"{begin} to {now()} on {socket.gethostname()}"
    return 0 if tell(config, ways, told, failure, span, chosen.always) else 1


def _steps(chosen: argparse.Namespace, logs: Path, held: Held) -> Failure | None:
    """Catalogue and run; the first failure ends them."""
    if lock_files(Path.cwd()):
        return _locked(chosen, held)
    for name, targets in (("catalogue", ["catalogue"]), ("run", [])):
        failure = run_snakemake(
            [*targets, *_snakemake_options(chosen)], logs / f"{name}.log", keep_open=held.descriptor
        )
        if failure:
            return _locked(chosen, held) if failure.locked else failure
    held.killed = None
    return None


def _locked(chosen: argparse.Namespace, held: Held) -> Failure:
    """Snakemake's lock is a failure if nobody here works under it."""
    worker = working_there(Path.cwd())
    if worker:
        raise BusyError(f"{Path.cwd()}: {worker} works in this folder; the scheduled run ends")
    return Failure(explain(Path.cwd(), held.killed, _unlocking(chosen)))


def _unlocking(chosen: argparse.Namespace) -> str:
    """The command that clears the lock, as a line for a shell."""
    options = _project(chosen)
    if chosen.lock_file:
        options += ["--lock-file", str(chosen.lock_file)]
    options += ["--unlock", *(["--", *chosen.snakemake] if chosen.snakemake else [])]
    folder, library = shlex.quote(str(Path.cwd())), shlex.quote(str(Path(__file__).parents[2]))
    return f"cd {folder} && PYTHONPATH={library} {shlex.join([sys.executable, '-m', 'sealwatch.scheduled', *options])}"


def _unlock(chosen: argparse.Namespace, config: dict[str, Any], held: Held) -> int:
    worker = working_there(Path.cwd())
    if worker:
        raise BusyError(f"{Path.cwd()}: {worker} works in this folder; nothing was unlocked")
    if not lock_files(Path.cwd()):
        print(f"{Path.cwd()}: there is no lock of Snakemake; nothing to do")
        return 0
    log = Path(config["results"]) / "scheduled/unlock.log"
    failure = run_snakemake([*_snakemake_options(chosen), "--unlock"], log, keep_open=held.descriptor)
    if failure:
        print("\n".join(failure.tail), file=sys.stderr)
        raise SealwatchError(f"{Path.cwd()}: {failure.what} and unlocked nothing")
    held.killed = None
    print(f"{Path.cwd()}: unlocked; the next run goes on where the last one ended")
    return 0


def _snakemake_options(chosen: argparse.Namespace) -> list[str]:
    return [*_project(chosen), *chosen.snakemake]


def _project(chosen: argparse.Namespace) -> list[str]:
    """Options that we share with Snakemake."""
    where = ["--profile", chosen.profile] if chosen.profile else ["--cores", chosen.cores]
    return [*where, *(["--configfile", *map(str, chosen.configfile)] if chosen.configfile else [])]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sealwatch.scheduled", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as for snakemake")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--profile", help="profile of snakemake, such as profiles/slurm")
    where.add_argument("--cores", default="all", help="processors of this machine (default: all)")
    parser.add_argument("--mail-to", action="append", default=[], metavar="ADDRESS", help="may be repeated")
    parser.add_argument("--mail-from", metavar="ADDRESS", help="sender (default: sealwatch@ this machine)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write new alerts there as GeoJSON")
    parser.add_argument(
        "--always", action="store_true", help="tell also where nothing is new and all went well"
    )
    parser.add_argument("--lock-file", type=Path, help="default: scheduled.lock in the results")
    parser.add_argument(
        "--unlock", action="store_true", help="clear the lock that a dead run of Snakemake left"
    )
    parser.add_argument("snakemake", nargs="*", help="after --: further options of snakemake")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
