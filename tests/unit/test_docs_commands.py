"""Every command of the documentation is run by a test that stands here, or says what it needs; and none is misspelt."""

import argparse
import importlib
import re
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from builders import docs_commands
from builders.docs_commands import LANGUAGES, NEEDS, ROOT
from sealwatch.settings import SCHEMA, merged, read_yaml

RUN_BY = {
    # Part of a command: where it is run, and what stands there.
    "make demo": ("tests/workflow/conftest.py", "demo_module.run(made)"),
    "make test": (".ci/run", "make test"),
    "make (serve|stop|review)": ("tests/workflow/test_tutorial.py", "test_the_commands_of_the_tutorial"),
    "make demo-scene": ("tests/workflow/test_demo.py", "demo_module.add_scene(demo)"),
    "make demo-orthophoto": ("tests/workflow/test_second_year.py", "demo_module.add_orthophoto(demo)"),
    "make docs": ("tests/unit/test_site.py", "build(folder)"),
    "make (catalogue|run) CONFIG=my": ("tests/workflow/test_tutorial.py", "test_make_runs_a_configuration"),
    "make plan CONFIG=my": ("tests/workflow/test_plan.py", '"sealwatch.plan", "--configfile"'),
    "make run-bounded CONFIG=my": ("tests/workflow/test_storage.py", '"sealwatch.storage"'),
    "snakemake --cores all --configfile my": ("tests/builders/demo.py", 'demo.snakemake("--cores", "all")'),
    "snakemake catalogue --cores 1": (
        "tests/builders/demo.py",
        'demo.snakemake("catalogue", "--cores", "1")',
    ),
    "snakemake release --cores 1": ("tests/builders/demo.py", 'demo.snakemake("release", "--cores", "1")'),
    "snakemake --profile profiles/slurm -n": ("tests/slurm/test_chain.py", "test_a_dry_run_shows_groups"),
    "snakemake --profile profiles/slurm --conf": ("tests/slurm/test_chain.py", "test_every_rule_runs_where"),
    "sealwatch.desk account": ("tests/services/test_desk_accounts.py", "test_the_command_line_makes_and"),
    "sealwatch.desk serve": ("tests/builders/review_desk.py", '"sealwatch.desk",'),
    "sealwatch.publish.serve run": ("tests/services/public_case.py", "import start, stop"),
    "sealwatch.publish.review": ("tests/services/test_review_release.py", "def test_command_line("),
    "sealwatch.publish.sampling (draw|list|close|export)": (
        "tests/services/test_samples.py",
        "def test_the_command_line_draws_lists_closes_and_exports(",
    ),
    "sealwatch.publish.sampling (plan|statement)": ("tests/services/test_area_statement.py", "main("),
    "sealwatch.composites.relink": ("tests/unit/test_spacetime.py", '"sealwatch.composites.relink"'),
    "sealwatch.feed": ("tests/unit/test_feed.py", '"--since"'),
    "sealwatch.provenance crate": ("tests/workflow/test_provenance_demo.py", "write_crate(config)"),
    "sealwatch.provenance": ("tests/services/test_provenance.py", "main("),
    "snakemake --cores 1 --configfile config/demo.yaml demo/results/report/index.html": (
        "tests/builders/demo.py",
        'demo.snakemake("--cores", "all")',
    ),
    "snakemake --report": ("tests/workflow/test_report_page.py", '"--report"'),
    "sealwatch.scheduled": ("tests/workflow/test_scheduled.py", '"sealwatch.scheduled"'),
    "sealwatch.storage": ("tests/workflow/test_storage.py", '"sealwatch.storage"'),
    "(tar xzf|grass sealwatch_32633)": ("tests/workflow/test_tutorial.py", "test_the_series_opens_as_the"),
}
PAGES_RUN = {"docs/tutorial.md": ("tests/workflow/test_tutorial.py", "test_the_commands_of_the_tutorial")}
OTHERS = {
    *("conda", "apptainer", "sbatch", "sinfo", "squeue", "systemctl", "xargs", "awk", "grep"),
    *("ls", "cp", "tar", "curl", "gdalinfo", "ogrinfo", "grass"),
}
MAKE_VARIABLES = {"CONFIG", "DEMO", "ONLY", "REAL_DATA_DIR", "CORES"}
PLACES = ("config/", "profiles/", "docs/", "deploy/", "tests/", "scripts/", "workflow/", "envs/")
MADE = {"profiles/slurm/partitions.yaml", "scripts/NAME.py", "workflow/rules/STAGE.smk"}

BLOCKS = list(docs_commands.blocks())
COMMANDS = [
    command for block in BLOCKS if block.language == "sh" for command in docs_commands.commands(block)
]


def place(command):
    return f"{command.block.page}:{command.block.line}: {command}"


def test_every_block_says_what_it_is_and_every_need_is_known():
    assert [f"{b.page}:{b.line}: {b.language!r}" for b in BLOCKS if b.language not in LANGUAGES] == []
    assert {need for block in BLOCKS for need in block.needs} <= set(NEEDS)
    assert len(COMMANDS) > 60


def test_every_command_is_run_by_a_test_or_needs_what_tests_lack():
    left = [
        place(c)
        for c in COMMANDS
        if not c.block.needs
        and c.block.page not in PAGES_RUN
        and not any(re.search(rf"(^|[ /]){part}", str(c)) for part in RUN_BY)
    ]
    assert left == []
    for part in RUN_BY:
        assert any(re.search(rf"(^|[ /]){part}", str(c)) for c in COMMANDS), f"no page says {part}"
    for file, needle in [*RUN_BY.values(), *PAGES_RUN.values()]:
        assert needle in (ROOT / file).read_text(encoding="utf-8"), f"{needle} is no longer in {file}"


def test_targets_and_variables_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    for command in COMMANDS:
        if command.words[0] == "make":
            for word in command.words[1:]:
                name, sign, _ = word.partition("=")
                assert name in (MAKE_VARIABLES if sign else targets), place(command)


def test_all_other_programs_are_known():
    for command in COMMANDS:
        name = Path(command.words[0]).name
        assert name in OTHERS | {"make", "snakemake", "python"}, place(command)
        if command.module:
            assert command.words[0] == ".venv/bin/python", (
                f"{place(command)}: the system's Python has no packages"
            )
            assert "PYTHONPATH=workflow" in command.block.text, f"{place(command)}: does not find the library"


def test_snakemake_takes_the_options_and_knows_the_rules(tmp_path):
    rules = {
        rule
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for rule in re.findall(r"^\s*(?:rule|checkpoint) (\w+):", path.read_text(), re.M)
    }
    parser = get_argument_parser()
    for command in COMMANDS:
        if Path(command.words[0]).name == "snakemake":
            given = parser.parse_args([w.replace("...", "x") for w in command.words[1:]])
            assert all("/" in target or target in rules for target in given.targets), place(command)


class Parsed(Exception):
    """The command line was understood."""


OF_SNAKEMAKE = {"sealwatch.plan": {"--jobs"}, "sealwatch.storage": {"--tidy"}}
"""Modules that take the arguments of Snakemake, and their own beside them."""

MODULES = sorted({(c.module, c.words[3:], place(c)) for c in COMMANDS if c.module})


@pytest.mark.parametrize(("module", "words", "said"), MODULES, ids=[m[2] for m in MODULES])
def test_modules_take_the_arguments(module, words, said, monkeypatch):
    """The command's own parser reads them; nothing is done then."""
    folder = ROOT / "workflow" / module.replace(".", "/")
    file = folder / "__main__.py" if folder.is_dir() else folder.with_suffix(".py")
    assert file.is_file(), said
    code = file.read_text(encoding="utf-8")
    assert "__main__" in code, said
    if module in OF_SNAKEMAKE:
        own = [word for word in words if word in OF_SNAKEMAKE[module]]
        assert all(f'"{option}"' in code for option in own), said
        get_argument_parser().parse_args([word for word in words if word not in own])
        return
    if "argparse" not in code:
        assert len(words) == 2, said  # a location and a folder of results
        return
    whole = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, *given, **more):
        whole(parser, *given, **more)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    name = f"{module}.__main__" if folder.is_dir() else module
    with pytest.raises(Parsed):
        importlib.import_module(name).main(list(words))


def test_files_of_the_repository_that_pages_name_exist():
    named = re.compile(rf"(?<![\w./])({'|'.join(PLACES)})[\w./-]+\w")
    for page in docs_commands.pages():
        text = page.read_text(encoding="utf-8")
        for found in named.finditer(text):
            path = found[0]
            if page.parent.name == "docs" and (page.parent / path).exists():
                continue
            assert (ROOT / path).exists() or path in MADE, f"{page.relative_to(ROOT)}: {path} is not there"


def test_keys_that_pages_name_are_in_the_schema():

    def keys(schema, path=()):
        for name, part in schema.get("properties", {}).items():
            yield ".".join((*path, name))
            yield from keys(part, (*path, name))
        if isinstance(schema.get("additionalProperties"), dict):
            yield from keys(schema["additionalProperties"], (*path, "<name>"))

    known = set(keys(read_yaml(SCHEMA)))
    sections = {key.split(".")[0] for key in known}
    for page in docs_commands.pages():
        for found in re.findall(
            r"`([a-z0-9_]+(?:\.[a-z0-9_<>]+)+)(?:: [^`]+)?`", page.read_text(encoding="utf-8")
        ):
            first, last = found.split(".")[0], found.rsplit(".", 1)[1]
            if first in sections and last not in ("smk", "md", "py", "json", "xml", "h5", "gpkg"):
                assert found in known, f"{page.relative_to(ROOT)}: {found} is no key"


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language == "yaml"], ids=lambda b: f"{b.page}:{b.line}"
)
def test_configurations_that_pages_show_are_valid(tmp_path, block):
    mine = tmp_path / "mine.yaml"
    mine.write_text(block.text)
    assert merged([mine])["project"]
