"""Steps that only fold what they were given into what they write: the real rules, run by Snakemake in hundredths of a
second, with products that differ exactly where an input or a parameter differs.

Two steps are true in the small, for the rules read what they write: months and half-years know how many mosaics they
hold, and an orthophoto is flagged while its half-year holds enough of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from builders.demo import ROOT, link_checkout
from sealwatch.files import write_json
from sealwatch.keys import half_span, sheet_key
from sealwatch.orthophoto.flags import FLAGGED, SHOWN_FIELDS
from sealwatch.orthophoto.sheets import earlier_flight, find_sheet, read_index

CONFIG = "my.yaml"
TRACE = "trace.jsonl"
_COUNTED = ("mosaic", "month", "half")
_FOOTPRINT_ALONE = ("prepare_sheet", "review_imagery")
"""Rules for which another row of the index is no news."""

_NOTING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Step:
    """A job that ran: its rule, inputs and products, and the digest of all it was given."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did and said; `code` is None for one that was killed."""

    steps: list[Step]
    code: int | None
    said: str


class Runner:
    """Runs of Snakemake, each in a fresh process that was forked with the imports done."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["builders.folded_steps", "builders.preloaded"])

    def run(self, folder: Path, *options: str, kill: tuple[int, str] | None = None) -> Run:
        """One run in a folder.

        Args:
            folder: a working directory of its own.
            options: of Snakemake.
            kill: number of the job that is killed with the whole process, and when: `before` it writes, `within`
                (the first product is there) or `after`.
        """
        (folder / TRACE).unlink(missing_ok=True)
        (folder / TRACE).touch()
        process = self._context.Process(target=_run, args=(folder, options, kill))
        process.start()
        process.join(300)
        said = folder / "said.txt"
        rows = [json.loads(row) for row in (folder / TRACE).read_text().splitlines()]
        steps = [
            Step(row["rule"], tuple(row["inputs"]), tuple(row["outputs"]), row["digest"]) for row in rows
        ]
        killed = process.exitcode == -signal.SIGKILL
        return Run(steps, None if killed else process.exitcode, said.read_text() if said.exists() else "")


def link_for_nodes(folder: Path) -> None:
    """Give a folder the workflow for runs whose jobs are processes of their own, as on a cluster: scripts that fold."""
    link_checkout(folder, ("config", "profiles", "envs"))
    # A copy, for Snakemake looks for scripts beside the rule files that it was led to.
    shutil.copytree(ROOT / "workflow", folder / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "scripts").mkdir()
    for script in (ROOT / "scripts").glob("*.py"):
        text = "from builders.folded_steps import fold_script\n\nfold_script(snakemake)\n"
        (folder / "scripts" / script.name).write_text(text)


def fold_script(job: Any) -> None:
    """Body of a script: fold what Snakemake gives it."""
    _fold(job.rule, job.input, job.output, job.params, job.wildcards)


def products(folder: Path) -> dict[str, bytes]:
    """Content of all products and of the inventory, by path; not of figures and logs of the runs."""
    aside = {"benchmarks", "logs", "withdrawn", "catalogue"}
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in _files_in(results)
        if path.relative_to(results).parts[0] not in aside
    }


def _files_in(folder: Path) -> list[Path]:
    """Files of a folder, without Snakemake's own mark of its age."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".snakemake_timestamp")


def _run(folder: Path, options: Sequence[str], kill: tuple[int, str] | None) -> None:
    from snakemake import cli, workflow

    os.chdir(folder)
    workflow.script = partial(_step, kill=kill)
    said, good = io.StringIO(), False
    try:
        with redirect_stdout(said), redirect_stderr(said):
            arguments = ["--configfile", CONFIG, "--scheduler", "greedy", "--cores", "2", *options]
            parser, args = cli.parse_args(arguments)
            good = cli.args_to_api(args, parser)
    except BaseException:
        said.write(traceback.format_exc())
    Path("said.txt").write_text(said.getvalue())
    os._exit(0 if good else 1)


def _step(*given: Any, kill: tuple[int, str] | None, **_: Any) -> None:
    """In place of Snakemake's `script`: fold the inputs and parameters into the outputs."""
    if given[16] is not None:
        given[16].running_time = 0.0  # of the benchmark
    _fold(given[10], *given[2:6], kill)


def _fold(
    rule: str, inputs: Any, outputs: Any, params: Any, wildcards: Any, kill: tuple[int, str] | None = None
) -> None:
    here = str(Path.cwd())
    folded = hashlib.sha256(json.dumps([rule, dict(wildcards)], sort_keys=True).encode())
    folded.update(repr(sorted(params.items())).replace(here, ".").encode())
    scenes, events = 0, []
    for path in map(Path, _inputs_that_count(rule, inputs)):
        folded.update(str(path).replace(here, ".").encode())
        for file in _files_in(path) if path.is_dir() else [path]:
            content = file.read_bytes()
            folded.update(file.name.encode() + content)
            if content.startswith(b'{"folded"'):
                scenes += json.loads(content)["scenes"]
                events += _events(file, content)
    if rule in _FOOTPRINT_ALONE:
        row = find_sheet(inputs.index, wildcards.sheet, int(wildcards.year))
        folded.update(f"{row.path} {row.bands} {row.epsg}".encode())
    digest = folded.hexdigest()
    number = _note(rule, inputs, outputs, digest)
    dying = kill is not None and number == kill[0]
    if dying and kill[1] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    own = {"folded": digest, "scenes": 1 if rule == "mosaic" else scenes if rule in _COUNTED else 0}
    for place, path in enumerate(outputs):
        content = json.dumps(own | {"place": place} | ({"events": events} if rule == "change" else {}))
        _write(rule, Path(path), content, inputs)
        if dying and kill[1] == "within":
            os.kill(os.getpid(), signal.SIGKILL)
    if dying:
        os.kill(os.getpid(), signal.SIGKILL)


def _inputs_that_count(rule: str, inputs: Any) -> list[str]:
    aside = {"prepare_sheet": ("index",), "review_imagery": ("index",)}.get(rule, ())
    left_out = {str(path) for name in aside for path in _listed(inputs[name])}
    return sorted(str(path) for path in inputs if str(path) not in left_out)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _events(half: Path, content: bytes) -> list[list[Any]]:
    return [[half.stem, json.loads(content)["scenes"]]] if half.parent.parent.name == "half" else []


def _write(rule: str, path: Path, content: str, inputs: Any) -> None:
    if rule == "flag_sheets":
        part = path.with_name("part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for flag in _flags(inputs):
            key = sheet_key(flag["sheet"], flag["year"])
            write_json(part / f"{key}.json", flag)
            write_json(
                part / f"{key}.shown", [[event[name] for name in SHOWN_FIELDS] for event in flag["events"]]
            )
        (part / FLAGGED).write_text(str(sorted(path.stem for path in part.glob("*.json"))))
        shutil.rmtree(path, ignore_errors=True)
        part.rename(path)
    elif path.suffix:
        part = path.with_name(f"{path.name}.part")
        part.write_text(content)
        part.rename(path)
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / "all.json").write_text(content)


def _flags(inputs: Any) -> list[dict[str, Any]]:
    """An orthophoto is flagged by a half-year with at least as many mosaics as the number in the sheet's name."""
    found = []
    events = [
        event for path in _listed(inputs.changes) for event in json.loads(Path(path).read_text())["events"]
    ]
    for sheet in read_index(inputs.index):
        enough = int(sheet.sheet[1:])
        under = [
            {
                "event_id": f"{half}-{sheet.sheet}",
                "start_half": half,
                "confirm_half": half,
                "bounds": [500_000, 5_100_000, 500_640, 5_100_640],
                "epsg": 32633,
            }
            for half, scenes in events
            if scenes >= enough and sheet.flight_date >= half_span(half)[0]
        ]
        if under:
            before = earlier_flight(inputs.index, sheet)
            earlier = {"year": before.year, "flight_date": before.flight_date} if before else None
            found.append({"sheet": sheet.sheet, "year": sheet.year, "earlier": earlier, "events": under})
    return found


def _note(rule: str, inputs: Sequence[str], outputs: Sequence[str], digest: str) -> int:
    """Append the step to the trace; returns how many there are."""
    paths = {"inputs": list(map(str, inputs)), "outputs": list(map(str, outputs))}
    row = json.dumps({"rule": rule, **paths, "digest": digest})
    with _NOTING, open(TRACE, "a") as trace:
        trace.write(row + "\n")
        trace.flush()
        return len(Path(TRACE).read_text().splitlines())
