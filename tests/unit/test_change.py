"""Events of a zone: confirmed, reversed and provisional, with their classes, halves and places."""

import geopandas as gpd
import numpy as np
import pytest

from sealwatch import hdf5
from sealwatch.change.events import detect_change, reclassify
from sealwatch.composites.maps import write_map
from sealwatch.grid import Window
from sealwatch.keys import LAND_COVER_CLASSES, half_range

ZONE = Window(32633, 496640, 5120000, 640, 5, 2)
HALVES = half_range("2021-01-01", "2024-12-31")
F, A, P, R, Ind = (
    LAND_COVER_CLASSES.index(n) for n in ("Forest", "AnnualCrop", "Pasture", "Residential", "Industrial")
)
N = 255
SERIES = {
    (0, 0): [F, F, R, R, R, R, R, R],
    (0, 1): [A, A, Ind, Ind, A, A, A, A],
    (0, 2): [P, P, R, R, R, P, P, P],
    (0, 3): [F, F, F, F, F, F, Ind, Ind],
    (0, 4): [A, A, Ind, N, Ind, Ind, A, Ind],
    (1, 0): [R, R, R, R, R, R, R, R],
    (1, 1): [F, F, R, N, N, R, R, F],
    (1, 2): [N, N, N, N, N, N, N, N],
    (1, 3): [F, A, F, F, F, R, R, R],
    (1, 4): [F, F, F, F, F, F, F, F],
}


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves")
    paths = []
    for t, half in enumerate(HALVES):
        land_cover = np.array([[SERIES[r, c][t] for c in range(5)] for r in range(2)], "u1")
        probability = np.full((10, 2, 5), 0.02, "f4")
        np.put_along_axis(probability, np.minimum(land_cover, 9)[None].astype(int), 0.82, axis=0)
        probability[:, land_cover == N] = np.nan
        paths.append(folder / f"{half}.h5")
        layer = {"observations": ("int32", (land_cover != N) * 1, "n")}
        write_map(paths[-1], "half", 1, ZONE, probability, land_cover, layer, {})
    detect_change(paths, "32633", 3, 1, folder / "32633.h5", folder / "32633.gpkg", 1)
    return folder


def test_events_are_those_of_the_series(events):
    frame = gpd.read_file(events / "32633.gpkg", layer="events")
    found = {
        (7999 - e.row, e.col - 776): (
            e.status,
            e.from_class,
            e.to_class,
            e.start_half,
            e.confirm_half,
            e.reversal_half,
        )
        for e in frame.itertuples()
    }
    assert found == {
        (0, 0): ("confirmed", "Forest", "Residential", "2022H1", "2023H1", ""),
        (0, 2): ("reversed", "Pasture", "Residential", "2022H1", "2023H1", "2023H2"),
        (0, 3): ("provisional", "Forest", "Industrial", "2024H1", "", ""),
        (0, 4): ("confirmed", "AnnualCrop", "Industrial", "2022H1", "2023H2", ""),
        (1, 3): ("confirmed", "Forest", "Residential", "2023H2", "2024H2", ""),
    }
    assert frame.crs.to_epsg() == 32633
    first = frame[frame.event_id == "32633-7999-776-2022H1"].iloc[0]
    assert first.geometry.bounds == (496640, 5119360, 497280, 5120000)
    assert first.confidence == pytest.approx(0.82 + 2 * 0.02, abs=1e-3)


def test_cells_file_says_the_same_with_georeference(events):
    with hdf5.read(events / "32633.h5") as file:
        assert hdf5.read_window(file) == ZONE
        halves = hdf5.read_text(file.attrs["halves"]).split()
        start = file["start"][0, 0, 0]
        assert halves[start - 1] == "2022H1"
        assert file["from_class"][0, 0, 0] == F
        assert file["to_class"][0, 1, 4] == 255
        assert np.isnan(file["confidence"][0, 1, 4])
        assert file["open_start"][0, 3] == 7


def test_no_change_gives_an_empty_but_valid_layer(tmp_path):
    land_cover = np.full(ZONE.shape, F, "u1")
    probability = np.full((10, 2, 5), 0.1, "f4")
    layer = {"observations": ("int32", np.ones(ZONE.shape), "n")}
    paths = [tmp_path / f"{half}.h5" for half in HALVES[:3]]
    for path in paths:
        write_map(path, "half", 1, ZONE, probability, land_cover, layer, {})
    detect_change(paths, "32633", 3, 1, tmp_path / "c.h5", tmp_path / "c.gpkg", 1)
    frame = gpd.read_file(tmp_path / "c.gpkg", layer="events")
    assert len(frame) == 0
    assert "start_half" in frame.columns
    assert frame.crs.to_epsg() == 32633


def test_reclassification_is_the_papers():
    codes = np.array([*range(10), 255], "u1")
    expected = [int(n in ("Highway", "Industrial", "Residential")) for n in LAND_COVER_CLASSES] + [255]
    assert reclassify(codes).tolist() == expected
