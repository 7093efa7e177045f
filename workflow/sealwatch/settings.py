"""Configuration: checked against the schema before anything runs; an error names file, key and mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError

DEFAULTS = Path(__file__).parents[2] / "config" / "config.yaml"
"""Configuration that others are merged into."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C a fifth of a second sooner at each start

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: the file is absent, no YAML, or not a mapping.
    """
    try:
        value = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_LOADER)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing file") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold keys and values, not {type(value).__name__}")
    return value


def merged(files: Iterable[str | Path]) -> dict[str, Any]:
    """The defaults and configuration files over them, merged as Snakemake merges them, and checked.

    Args:
        files: in order; values of later files win, key by key.

    Raises:
        ConfigError: a file cannot be read, or a key is at fault.
    """
    names = [DEFAULTS, *files]
    config: dict[str, Any] = {}
    for name in names:
        _merge(config, read_yaml(name))
    check(config, SCHEMA, names)
    return config


_SHAPING = ("period", "catalogue", "grid", "sentinel2", "classifier", "composites", "change", "orthophoto")
_NOT_SHAPING = {
    "catalogue": ("url", "signing", "parallel", "timeout_s", "max_retries"),
    "sentinel2": ("read_threads", "requests_in_flight", "max_retries"),
    "classifier": ("device", "engine", "model", "patches", "local_labels"),
    "orthophoto": ("sheets", "training_polygons", "reference"),
}
"""Keys that say where and how things run, or name files, which are told by their digests."""


def shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sections and keys of a configuration that shape what the run finds, for its provenance."""
    found = {}
    for section in _SHAPING:
        left_out = _NOT_SHAPING.get(section, ())
        found[section] = {key: value for key, value in config[section].items() if key not in left_out}
    return found


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _holds(tree: Any, keys: Iterable[Any]) -> bool:
    for key in keys:
        if not isinstance(tree, dict | list) or (isinstance(tree, dict) and key not in tree):
            return False
        if isinstance(tree, list) and not (isinstance(key, int) and key < len(tree)):
            return False
        tree = tree[key]
    return True


def _source(keys: list[Any], files: list[str]) -> str:
    """The last configuration file that sets the key, since later files win over earlier ones."""
    for name in reversed(files):
        if _holds(read_yaml(name), keys):
            return name
    return files[-1] if files else "the configuration"


def check(config: Mapping[str, Any], schema_file: str | Path, files: Iterable[str | Path] = ()) -> None:
    """Check a merged configuration.

    Args:
        config: the merged configuration.
        schema_file: JSON schema in YAML.
        files: the configuration files in the order they were merged, to name the one at fault.

    Raises:
        ConfigError: the first key at fault, its file and what would be right.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    names = [str(f) for f in files]
    error = best_match(Draft202012Validator(read_yaml(schema_file)).iter_errors(dict(config)))
    if error is not None:
        keys = list(error.absolute_path)
        described = error.schema.get("description") if isinstance(error.schema, dict) else None
        hint = f" Meaning of the key: {described}" if described and keys else ""
        if error.validator == "additionalProperties":
            unknown = next(k for k in error.instance if k not in error.schema.get("properties", {}))
            near = _nearest(unknown, error.schema.get("properties", {}))
            keys = [*keys, unknown]
            text = error.schema.get("refused", {}).get(unknown) or f"unknown key; {near}"
            hint = ""
        elif error.validator == "required":
            missing = next(k for k in error.validator_value if k not in error.instance)
            keys = [*keys, missing]
            text, hint = "the key is missing; add it (config/README.md explains it)", ""
        else:
            text = error.message + "."
        place = ".".join(str(k) for k in keys) or "top level"
        raise ConfigError(f"{_source(keys, names)}: {place}: {text}{hint}")
    if config["period"]["start"] > config["period"]["end"]:
        source = _source(["period", "start"], names)
        raise ConfigError(f"{source}: period.start: lies after period.end; exchange the two dates")
    _check_orthophoto(config["orthophoto"], names)
    classifier = config["classifier"]
    if classifier["device"] == "gpu":
        wrong = {"engine": "openvino", "precision": "int8"}
        for key, value in wrong.items():
            # A ready model has the precision of its own, which the key does not change.
            if classifier[key] == value and not (key == "precision" and classifier["model"]):
                raise ConfigError(
                    f"{_source(['classifier', key], names)}: classifier.{key}: {value} runs on CPUs only; "
                    "change it, or set classifier.device to auto or cpu"
                )


def _check_orthophoto(orthophoto: Mapping[str, Any], names: list[str]) -> None:
    """What the schema cannot say of the keys of orthophotos."""
    if orthophoto["training_labels"] == "reference" and orthophoto["reference"] is None:
        raise ConfigError(
            f"{_source(['orthophoto', 'training_labels'], names)}: orthophoto.training_labels: reference needs "
            "orthophoto.reference; name its file, or set training_labels to polygons"
        )
    bounds = orthophoto["value_range"]
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ConfigError(
            f"{_source(['orthophoto', 'value_range'], names)}: orthophoto.value_range: {bounds[0]} is not below "
            f"{bounds[1]}; write the lower value first"
        )


def _nearest(key: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else f"known keys here: {', '.join(sorted(known))}"
