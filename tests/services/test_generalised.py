"""Copies for small scales: fewer vertices, common borders kept, renewed where an outline changed."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from outline_files import outlines, write

from sealwatch.publish.database import connect
from sealwatch.publish.enrich import enrich
from sealwatch.publish.generalise import simplified
from sealwatch.publish.load import load
from sealwatch.publish.review import decide

TOLERANCES = [2.0, 8.0]


def neighbours(count):
    """A row of polygons with common borders that wind like a staircase."""
    rng = np.random.default_rng(3)
    borders = []
    for n in range(count + 1):
        y = np.arange(0, 101, 2.0)
        borders.append(
            np.column_stack([460_000 + n * 100 + rng.normal(0, 1.0, len(y)).round(2), 5_100_000 + y])
        )
    return np.array([shapely.Polygon(np.vstack([a, b[::-1]])) for a, b in pairwise(borders)])


def test_neighbours_keep_their_common_border():
    shapes = neighbours(6)
    overlapping = np.append(shapes, shapely.affinity.translate(shapes[0], 30, 30))
    for given in (shapes, overlapping):
        found = simplified(given, 8.0)
        assert shapely.get_num_coordinates(found).sum() < 0.3 * shapely.get_num_coordinates(given).sum()
        assert shapely.is_valid(found).all()
    found = simplified(shapes, 8.0)
    whole = shapely.union_all(found)
    assert shapely.area(found).sum() == pytest.approx(whole.area, abs=1e-6)
    assert len(shapely.get_parts(whole)) == 1
    assert shapely.get_num_interior_rings(shapely.get_parts(whole)[0]) == 0


def test_copies_are_made_once_and_follow_corrections(database, tmp_path):
    settings = database | {"generalise_m": TOLERANCES}
    paths = []
    for sheet in ("A1", "B2"):
        frame = outlines(sheet, 2024, 6)
        frame.geometry = neighbours(6)
        paths.append(write(frame, tmp_path, sheet, 2024))
    load(paths, tmp_path / "load.json", settings)

    def state():
        with connect(settings) as connection:
            return connection.execute(
                "SELECT p.sheet, g.tolerance_m, g.polygon_id, g.geom::text, g.xmin::text "
                "FROM polygon_generalised g JOIN polygon p USING (polygon_id) ORDER BY 2, 3"
            ).fetchall()

    enrich(tmp_path / "enrich.json", settings)
    first = state()
    assert len(first) == 24
    enrich(tmp_path / "enrich.json", settings)
    assert state() == first

    name = frame["polygon_id"][0]
    redrawn = shapely.set_srid(shapely.box(460_000, 5_100_000, 460_050, 5_100_050), 32633)
    decide(settings, [name], "corrected", "ana", outline=redrawn)
    enrich(tmp_path / "enrich.json", settings)
    second = state()
    assert [row for row in second if row[0] == "A1"] == [row for row in first if row[0] == "A1"]
    with connect(settings) as connection:
        areas = connection.execute(
            "SELECT ST_Area(geom) FROM polygon_generalised WHERE polygon_id = %s", [name]
        ).fetchall()
    assert [area for (area,) in areas] == pytest.approx([2500.0, 2500.0], rel=1e-3)
    enrich(tmp_path / "enrich.json", database | {"generalise_m": [8.0]})
    assert {row[1] for row in state()} == {8.0}
