"""A configuration error names file, key and mend."""

import copy
from pathlib import Path

import pytest
import yaml

from sealwatch import settings
from sealwatch.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
DEFAULT = ROOT / "config/config.yaml"


def walk(schema, path=()):
    for key, value in schema.get("properties", {}).items():
        yield (*path, key), value
        yield from walk(value, (*path, key))


def test_the_defaults_follow_the_schema_and_every_key_is_described():
    config = settings.read_yaml(DEFAULT)
    settings.check(config, SCHEMA, [DEFAULT])
    schema = settings.read_yaml(SCHEMA)
    for path, value in walk(schema):
        assert "description" in value, path
    for path, value in [((), schema), *walk(schema)]:
        if value.get("type") == "object" and "properties" in value:
            assert value["additionalProperties"] is False, path
            if path and path[0] != "registries" and path != ("orthophoto", "forest", "grid"):
                assert set(value["required"]) == set(value["properties"]), path


def test_every_key_is_explained_in_the_manual():
    manual = (ROOT / "config/README.md").read_text()
    for path, value in walk(settings.read_yaml(SCHEMA)):
        if "properties" not in value:
            assert f"`{'.'.join(path)}`" in manual, path


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda c: c["grid"].update(patch_stride=48), ["mine.yaml", "grid.patch_stride", "48", "64"]),
        (lambda c: c["grid"].update(patch_strid=64), ["mine.yaml", "grid.patch_strid", "patch_stride"]),
        (lambda c: c.pop("period"), ["period", "missing"]),
        (lambda c: c["period"].update(start="2020-13-01"), ["mine.yaml", "period.start", "2020-13-01"]),
        (lambda c: c["period"].update(start="2026-01-01"), ["period.start", "after period.end"]),
        (lambda c: c["catalogue"].update(tiles=["33TVW"]), ["mine.yaml", "catalogue.tiles.0", "33TVW"]),
        (
            lambda c: c["orthophoto"].update(training_labels="reference"),
            ["mine.yaml", "orthophoto.training_labels", "needs orthophoto.reference"],
        ),
        (
            lambda c: c["orthophoto"].update(value_range=[9000, 0]),
            ["mine.yaml", "orthophoto.value_range", "9000 is not below 0"],
        ),
        (
            lambda c: c["orthophoto"].update(bands=["nir", "red", "blue"]),
            ["mine.yaml", "orthophoto.bands", "green must be among them"],
        ),
        (lambda c: c["change"].update(persistence="3"), ["mine.yaml", "change.persistence", "integer"]),
        (lambda c: c["orthophoto"]["forest"].update(warm_start=True), ["forest.warm_start", "cuML"]),
        (
            lambda c: c["orthophoto"]["forest"].update(class_weight="balanced_subsample"),
            ["forest.class_weight", "samples_per_class"],
        ),
        (
            lambda c: c["orthophoto"]["forest"].update(grid={"ccp_alpha": [0.1]}),
            ["forest.grid.ccp_alpha", "cuML", "max_depth"],
        ),
        (
            lambda c: c["orthophoto"]["forest"].update(grid={"max_depth": [0]}),
            ["grid.max_depth.0", "minimum"],
        ),
        (
            lambda c: c["classifier"].update(device="gpu", precision="int8"),
            ["mine.yaml", "classifier.precision", "int8", "classifier.device"],
        ),
        (
            lambda c: c["classifier"].update(device="gpu", engine="openvino"),
            ["mine.yaml", "classifier.engine", "openvino", "classifier.device"],
        ),
    ],
)
def test_errors_name_file_key_and_mend(tmp_path, change, parts):
    config = copy.deepcopy(settings.read_yaml(DEFAULT))
    change(config)
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError) as error:
        settings.check(config, SCHEMA, [DEFAULT, mine])
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)
