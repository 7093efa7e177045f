"""config/paper.yaml is the paper's configuration, setting by setting."""

from pathlib import Path

import pytest

from sealwatch import keys, settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def paper():
    """The defaults with the paper's settings laid over them, as Snakemake merges configuration files."""

    def merge(low, high):
        both = low.keys() & high.keys()
        nested = {k: merge(low[k], high[k]) for k in both if isinstance(low[k], dict)}
        return low | high | nested

    files = [ROOT / "config/config.yaml", ROOT / "config/paper.yaml"]
    config = merge(*(settings.read_yaml(file) for file in files))
    settings.check(config, ROOT / "workflow/schemas/config.schema.yaml", files)
    return config


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ("Planetary Computer", "catalogue.provider", "planetary-computer"),
        ("1 January 2020", "period.start", "2020-01-01"),
        ("31 October 2025", "period.end", "2025-10-31"),
        ("less than 5 % of clouds", "catalogue.max_cloud_cover", 5),
        ("entire scenes are discarded, patches are not", "sentinel2.unclear_scl", [0]),
        ("entire scenes are discarded, patches are not", "sentinel2.cloud_dilation_m", 0),
        ("EuroSAT patches", "grid.patch_stride", 64),
        ("ResNet", "classifier.backbone", "resnet50"),
        ("SATLAS MSI", "classifier.weights", "ResNet50_Weights.SENTINEL2_MI_MS_SATLAS"),
        ("each patch is standardised using z-score", "classifier.normalisation", "zscore-patch"),
        ("flips and rotations only", "classifier.jitter", 0),
        ("flips and rotations only", "classifier.centre_mix", 0),
        ("predicts, once per patch", "classifier.test_time_flips", False),
        ("aggregates of GRASS", "composites.method", "mode"),
        ("noise removal is future work", "composites.min_confidence", 0),
        ("noise removal is future work", "composites.majority_px", 1),
        ("three consecutive periods", "change.persistence", 3),
        ("consecutive", "change.max_gap", 0),
        ("nothing is asked of the state before", "change.first_state", 1),
        ("nor of the probabilities", "change.min_rise", 0),
        ("polygons are filtered by size", "orthophoto.min_probability", 0),
    ],
)
def test_each_setting_that_the_paper_names(paper, words, key, value):
    section, name = key.split(".")
    assert paper[section][name] == value, words
    # It is said there, not inherited: a later default must not change the paper's run.
    assert name in settings.read_yaml(ROOT / "config/paper.yaml")[section]


def test_the_papers_tiles_and_number_of_periods(paper):
    assert paper["catalogue"]["tiles"] == "33TUL 33TUM 33TVL 33TVM 33TWL 33TWM 33TXM".split()  # noqa: SIM905
    months = keys.month_range(paper["period"]["start"], paper["period"]["end"])
    assert len(months) == 70
    assert len(keys.half_range(paper["period"]["start"], paper["period"]["end"])) == 12


def test_the_papers_classes_are_the_impervious_ones():
    assert keys.IMPERVIOUS_CLASSES == ("Highway", "Industrial", "Residential")
    assert len(keys.LAND_COVER_CLASSES) == 10
