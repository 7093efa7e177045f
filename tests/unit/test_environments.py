"""Conda environments: each holds what the scripts of its rules import, in the versions of the lock."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow"
RULES = "\n".join(path.read_text() for path in sorted((LIBRARY / "rules").glob("*.smk")))
DISTRIBUTIONS = packages_distributions()

PYTHON_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
"""Packages that conda calls by another name than the Python package index."""

WITH_CUML = {"cuml", "cupy", "treelite", "pyarrow"}
"""What cuML, which is not installed everywhere, brings or is."""

WITHOUT_NEED = {"snakemake", "tqdm", "grass", "grass_session", "nvforest", "openvino"}
"""Not asked of the environments: what Snakemake brings to a script, what only a terminal shows, GRASS's own Python
modules, and second engines, of which one is taken that is there."""


def rules_with_environments():
    """Name, environment and script of each rule that has both."""
    for block in re.split(r"^ *(?:rule|checkpoint) (?=\w+:)", RULES, flags=re.M)[1:]:
        environment = re.search(r'conda:\s+"\.\./\.\./(envs/\w+\.yaml)"', block)
        script = re.search(r'script:\s+"\.\./\.\./(scripts/\w+\.py)"', block)
        if environment and script:
            yield pytest.param(ROOT / environment[1], ROOT / script[1], id=block.split(":")[0])


def listed(environment):
    """Packages of an environment with their pinned versions, or None."""
    entries = yaml.safe_load(environment.read_text())["dependencies"]
    flat = [line for entry in entries for line in (entry["pip"] if isinstance(entry, dict) else [entry])]
    parts = [re.fullmatch(r"([\w.-]+)\s*(?:==?([\d.]+))?.*", line) for line in flat]
    return {part[1]: part[2] for part in parts}


@cache
def with_requirements(package):
    """A package and all that comes with it."""
    name = package.lower().replace("_", "-")
    try:
        asked = [Requirement(line) for line in requires(name) or []]
    except PackageNotFoundError:
        return {name}
    needed = [each.name for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
    return {name}.union(*(with_requirements(each) for each in needed))


def imports(path):
    """Full names of what a file imports."""
    inside = path.is_relative_to(LIBRARY)
    package = path.parent.relative_to(LIBRARY).parts if inside else ()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def asked_for(script):
    """Modules outside the library and Python's own that a script and what it imports of the library import."""
    waiting, seen, outside = [script], set(), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports(path):
            if name.split(".")[0] != "sealwatch":
                outside.add(name.split(".")[0])
                continue
            parts = LIBRARY / name.replace(".", "/")
            waiting += [each for each in (parts.with_suffix(".py"), parts / "__init__.py") if each.is_file()]
    return outside - set(sys.stdlib_module_names) - WITHOUT_NEED


@pytest.mark.parametrize(("environment", "script"), list(rules_with_environments()))
def test_the_environment_of_a_rule_holds_what_its_script_imports(environment, script):
    packages = [PYTHON_NAMES.get(name, name) for name in listed(environment)]
    held = set().union(*map(with_requirements, packages), WITH_CUML if "cuml" in packages else ())
    names = {
        module: {each.lower().replace("_", "-") for each in DISTRIBUTIONS.get(module, [module])}
        for module in asked_for(script)
    }
    assert {module for module, any_of in names.items() if not any_of & held} == set()


@pytest.mark.parametrize("environment", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_hold_the_versions_of_the_lock(environment):
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text(), re.M))
    pinned = {PYTHON_NAMES.get(name, name): version for name, version in listed(environment).items()}
    exact = {name: version for name, version in pinned.items() if version is not None}
    assert {name: locked.get(name) for name in exact} == exact
