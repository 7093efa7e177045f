"""The rules of a workflow as Snakemake read them, in the form in which jobs are made of them quickly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import isfunction, signature
from os import PathLike, fspath
from typing import Any

from snakemake.exceptions import IncompleteCheckpointException
from snakemake.io import WILDCARD_REGEX, is_callable, is_flagged
from snakemake.iocontainers import Wildcards

DERIVING = frozenset({"input", "output", "threads", "resources"})
"""Arguments of a parameter's function that make it follow from the job's files: such parameters are not recorded."""

_RECORDED = (int, float, str, complex, range, list, tuple, dict, set, frozenset, bytes, bytearray)


@dataclass(frozen=True, slots=True)
class Input:
    """One input file of a job."""

    path: str
    ancient: bool = False
    checkpoint: bool = False

    @property
    def plain(self) -> bool:
        """Whether it has no flags."""
        return not (self.ancient or self.checkpoint)


class Pattern:
    """A path or text with wildcards in braces."""

    def __init__(self, text: str):
        self.text = text
        parts: list[str] = []
        self.names: list[str] = []
        end = 0
        for found in WILDCARD_REGEX.finditer(text):
            parts += [text[end : found.start()], ""]
            self.names.append(found["name"])
            end = found.end()
        self._parts = [*parts, text[end:]]

    def fill(self, wildcards: Mapping[str, str]) -> str:
        """The text with the wildcards' values."""
        if not self.names:
            return self.text
        parts = self._parts.copy()
        parts[1::2] = [wildcards[name] for name in self.names]
        return "".join(parts)

    @property
    def beginning(self) -> str:
        """What stands before the first wildcard."""
        return self._parts[0]


@dataclass(frozen=True, slots=True)
class _Given:
    """An item of a rule's inputs or parameters: patterns and values, or a function of the wildcards."""

    name: str
    function: Callable[..., Any] | None
    arguments: frozenset[str]
    values: tuple[Any, ...]
    ancient: bool = False

    @property
    def derived(self) -> bool:
        return not self.arguments.isdisjoint(DERIVING)


class Rule:
    """A rule: products, inputs and recorded parameters for given wildcards."""

    def __init__(self, rule: Any):
        self._rule = rule
        self.name: str = rule.name
        self.is_checkpoint: bool = rule.is_checkpoint
        self.outputs = [Pattern(str(item)) for item in rule.output]
        self.benchmark = Pattern(str(rule.benchmark)) if rule.benchmark else None
        self.wildcard_names = tuple(sorted(rule.wildcard_names))
        self._expressions = [
            (pattern, re.compile(item.regex()))
            for pattern, item in zip(self.products, [*rule.output, rule.benchmark], strict=False)
        ]
        self._inputs = [_input(item) for _, item in rule.input._allitems()]
        self._params = [
            _param(name or str(number), item) for number, (name, item) in enumerate(rule.params._allitems())
        ]

    @property
    def products(self) -> list[Pattern]:
        """Patterns of outputs, and of the benchmark file, which counts as one."""
        return self.outputs + ([self.benchmark] if self.benchmark else [])

    @property
    def gpus(self) -> int:
        """GPUs that a job of this rule asks for."""
        found = self._rule.resources.get("gpu")
        value = getattr(found, "value", found)
        return value if isinstance(value, int) else 0

    def wildcards(self, path: str) -> dict[str, str] | None:
        """Wildcards for which a file is among the products, or None."""
        for _, expression in self._expressions:
            found = expression.fullmatch(path)
            if found:
                return {name: found[name] for name in self.wildcard_names}
        return None

    def inputs(self, wildcards: Mapping[str, str]) -> list[Input]:
        """Input files; of a function that waits for a checkpoint, the checkpoint's output."""
        found: list[Input] = []
        for item in self._inputs:
            if item.function is None:
                found += [Input(value.fill(wildcards), ancient) for value, ancient in item.values]
            else:
                found += _files(item, Wildcards(fromdict=wildcards))
        return found

    def params(self, wildcards: Mapping[str, str]) -> dict[str, str]:
        """Parameters as Snakemake records them, by name; those that follow from the job's files are left out."""
        if self._fixed_params is not None:
            return self._fixed_params
        return self._evaluated(wildcards)

    @cached_property
    def _fixed_params(self) -> dict[str, str] | None:
        items = [item for item in self._params if not item.derived]
        if any(item.function is not None or _names(item.values[0]) for item in items):
            return None
        return self._evaluated({})

    def _evaluated(self, wildcards: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for item in self._params:
            if item.derived:
                continue
            if item.function is None:
                value = _filled(item.values[0], wildcards)
            else:
                value = item.function(Wildcards(fromdict=wildcards))
            if value is None or isinstance(value, _RECORDED):
                found[item.name] = repr(value)
        return found


def _input(item: Any) -> _Given:
    function = _function(item)
    if function is not None:
        ancient = "ancient" in getattr(item, "flags", {})
        return _Given("", function, frozenset(), (), ancient)
    items = item if isinstance(item, list) else [item]
    return _Given("", None, frozenset(), tuple((Pattern(str(f)), is_flagged(f, "ancient")) for f in items))


def _param(name: str, item: Any) -> _Given:
    function = _function(item)
    arguments = frozenset(signature(function).parameters) if function else frozenset()
    return _Given(name, function, arguments, (item,))


def _function(item: Any) -> Callable[..., Any] | None:
    """The function that an item is, or None."""
    if not is_callable(item):
        return None
    found: Callable[..., Any] = item if isfunction(item) else getattr(item, "_file", item).callable
    return found


def _files(item: _Given, wildcards: Wildcards) -> Iterator[Input]:
    assert item.function is not None
    found: Any = item.function
    try:
        while callable(found):
            found = found(wildcards)
    except IncompleteCheckpointException as waiting:
        target = waiting.targetfile
        yield Input(str(target), is_flagged(target, "ancient") or item.ancient, checkpoint=True)
        return
    for one in [found] if isinstance(found, str | PathLike) else found:
        path = fspath(one)
        if "{" in path:
            path = Pattern(path).fill(wildcards)
        yield Input(path, is_flagged(one, "ancient") or item.ancient)


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return Pattern(value).names
    if isinstance(value, list):
        return [name for one in value if isinstance(one, str) for name in Pattern(one).names]
    return []


def _filled(value: Any, wildcards: Mapping[str, str]) -> Any:
    """A parameter with the wildcards' values in its texts, as Snakemake fills them."""
    if isinstance(value, str):
        return Pattern(value).fill(wildcards)
    if isinstance(value, list):
        return [Pattern(one).fill(wildcards) if isinstance(one, str) else one for one in value]
    return value
