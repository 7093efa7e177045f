"""The main job, end to end: a STAC API goes in, reviewed polygons come out of a WFS, compared with the truth.

One run of the demo serves all tests of this folder; the last one here adds a scene to its catalogue.
"""

import json
import re
import subprocess
import tarfile

import geopandas as gpd
import pytest
import rasterio
import shapely
import xarray

from builders import demo as demo_module
from builders.registries import municipalities
from sealwatch import grass, hdf5
from sealwatch.keys import half_of
from sealwatch.publish.server import serving

SUMMARY_KEYS = set(
    """
    scenes dates months halves cells confirmed_changes provisional_alerts reversals sheets flagged_sheets polygons
    published_features cell_users_accuracy cell_producers_accuracy half_error_max polygon_iou seconds
    """.split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def figures(demo):
    return json.loads((demo.results / "summary.json").read_text())


pytestmark = pytest.mark.timeout(2700)


def test_summary_has_the_agreed_keys(figures):
    assert set(figures) >= SUMMARY_KEYS


def test_inserted_changes_are_confirmed_in_the_right_half_year(figures):
    assert figures["true_changes"] >= 8
    assert len(figures["missed_changes"]) <= 1
    assert figures["false_changes"] == []
    assert figures["half_error_max"] == 0
    assert figures["confirmed_blips"] == 0
    assert figures["reversals"] == figures["reversals_right"] == figures["true_reversals"] == 1
    assert figures["provisional_alerts"] >= 1
    assert figures["alert_precision_standing"] >= 0.5


def test_newly_sealed_land_is_outlined(figures):
    assert figures["published_features"] == figures["polygons"] > 0
    assert figures["polygon_iou"] > 0.5


def test_reported_areas_are_those_of_the_truth(demo, figures):
    """Cells that truly changed, cut by the area of interest and the municipalities, in an equal-area CRS."""
    found = json.loads((demo.results / "report/indicators.json").read_text())
    cells = gpd.read_file(demo.folder / "world/truth.gpkg", layer="cells")
    area = gpd.read_file(demo.folder / "world/aoi.geojson").to_crs(cells.crs).geometry[0]
    cells = cells.set_geometry(cells.intersection(area), crs=cells.crs)

    def true_km2(place, *kinds):
        # Points every 20 m, for edges that are straight in the plane of the zone are not in that of EPSG:6933.
        return cells[cells.kind.isin(kinds)].intersection(place).segmentize(20).to_crs(6933).area.sum() / 1e6

    def row(table, **wanted):
        return next(r for r in found[table] if wanted.items() <= r.items())

    towns = municipalities().set_index("name").geometry
    for place, shape in {"all": area, **towns, "outside any": area.difference(towns.union_all())}.items():
        table = "national" if place == "all" else "municipalities"
        change = row(table, source="satellite", place=place, period="2021-2024")
        assert change["gross_km2"] == pytest.approx(true_km2(shape, "gain", "reversal"), abs=5e-6)
        assert change["reverse_km2"] == pytest.approx(true_km2(shape, "reversal"), abs=5e-6)
        assert change["provisional_km2"] == pytest.approx(true_km2(shape, "provisional"), abs=5e-6)
    outlined = row("national", source="outlines", period="2021-2024")
    assert outlined["polygons"] == figures["polygons"]
    # In the plane of the UTM zone areas are 0.08 % smaller here.
    assert outlined["gross_km2"] == pytest.approx(figures["polygon_area_m2"] * 1.0008e-6, rel=1e-4)
    ratios = {r["place"]: r["ratio"] for r in found["sdg_11_3_1"]}
    assert ratios["all"] > 1
    assert ratios["Polje"] < 0  # people leave
    assert ratios["Brdo"] is None  # as many people as before


def test_only_sheets_under_confirmed_change_are_segmented(demo, figures):
    events = gpd.read_file(demo.results / "change/32633.gpkg", layer="events")
    sheets = gpd.read_file(demo.folder / "world/sheets.gpkg", layer="sheets").to_crs(events.crs)
    confirmed = events[events.status == "confirmed"].union_all()
    touched = sheets[sheets.geometry.intersection(confirmed).area > 0]
    flags = {p.stem for p in (demo.results / "flags").glob("*.json")}
    assert {f.split("_")[0] for f in flags} == set(touched.sheet)
    assert {p.stem for p in (demo.results / "outline").glob("*.gpkg")} == flags
    segmented = {p.stem.split("_")[0] for p in (demo.results / "segmentation").glob("*.h5")}
    assert segmented == set(touched.sheet)
    assert len(flags) == figures["flagged_sheets"] < len(sheets)


def test_wfs_gives_all_attributes_to_ogrinfo_and_geopandas(demo, figures):
    expected = {
        "polygon_id",
        "vhr_date",
        "period_of_change",
        "transition",
        "area_m2",
        "distance_cadastre_m",
        "distance_planned_land_use_m",
        "distance_land_use_m",
    }
    started = demo.cluster.start()
    with serving(demo.wfs):
        source = f"WFS:{demo.wfs.wfs_url}"
        text = subprocess.run(
            ["ogrinfo", "-al", "-so", source], capture_output=True, text=True, check=True, timeout=120
        ).stdout
        frame = gpd.read_file(source)
    if started:
        demo.cluster.stop()
    assert f"Feature Count: {figures['published_features']}" in text
    for name in expected:
        assert f"{name}:" in text
    assert expected <= set(frame.columns)
    assert frame.transition.str.fullmatch(r"\w+ to (Highway|Industrial|Residential)").all()
    assert frame.period_of_change.str.fullmatch(r"20\d\dH[12]").all()
    assert (frame.distance_cadastre_m >= 0).all()
    assert shapely.is_valid(frame.geometry).all()
    # Areas are of the stored polygons; the service rounds coordinates, so they agree to a small share only.
    assert frame.to_crs(3794).area.to_numpy() == pytest.approx(frame.area_m2.to_numpy(), rel=0.01)


@pytest.mark.parametrize(
    ("pattern", "variable"),
    [
        ("grid/*.h5", "inside"),
        ("acquisition/33TVM/*.h5", "/m10/reflectance"),
        ("acquisition/33TWM/*.h5", "/m20/scl"),
        ("landcover/33TVM/*.h5", "class"),
        ("mosaic/32633/*.h5", "probability"),
        ("month/32633/*.h5", "class"),
        ("half/32633/*.h5", "confidence"),
        ("change/*.h5", "state"),
        ("ortho/*.h5", "features"),
        ("segmentation/*.h5", "class"),
    ],
)
def test_every_stage_opens_in_gdal_xarray_and_grass(demo, pattern, variable):
    path = min(demo.results.glob(pattern))
    group = variable.rsplit("/", 1)[0] or "/" if "/" in variable else "/"
    with hdf5.read(path) as file:
        window = hdf5.read_window(file, group)
    source = f'NETCDF:"{path}":{variable}'
    text = subprocess.run(["gdalinfo", source], capture_output=True, text=True, check=True).stdout
    assert f'ID["EPSG",{window.epsg}]' in text
    with rasterio.open(source) as image:
        assert image.crs.to_epsg() == window.epsg
        assert image.bounds == pytest.approx(window.bounds)
    with xarray.open_dataset(path, group=group.strip("/") or None, engine="netcdf4") as data:
        half = window.cell_size_m / 2
        assert float(data.x[0]) == window.x_min + half
        assert float(data.y[0]) == window.y_max - half
        assert data[variable.rsplit("/", 1)[-1]].attrs["grid_mapping"] == "spatial_ref"
    with grass.session(window.epsg) as session:
        session.import_raster(source, "linked", link=True)
        name = session.read("g.list", type="raster").split()[0]
        session.run("g.region", raster=name)
        found = session.region(window.epsg)
        assert found.bounds == pytest.approx(window.bounds)


def test_space_time_datasets_are_registered(demo, figures, tmp_path):
    with tarfile.open(demo.results / "spacetime/32633.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with grass.session(32633, tmp_path, "sealwatch_32633", "series") as session:
        for name, number in (("dates", None), ("months", figures["months"]), ("halves", figures["halves"])):
            info = session.read_pairs("t.info", flags="g", type="strds", input=name)
            assert int(info["number_of_maps"]) == (
                number or len(list(demo.results.glob("mosaic/32633/*.h5")))
            )
            assert info["temporal_type"] == "absolute"


def test_every_rule_left_log_and_benchmark(demo):
    for name in (
        "ingest",
        "classify",
        "mosaic",
        "month",
        "half",
        "change",
        "spacetime",
        "segment",
        "outline",
    ):
        assert list(demo.results.glob(f"logs/{name}/*.log")), name
        assert list(demo.results.glob(f"benchmarks/{name}/*.tsv")), name


def test_a_second_run_finds_nothing_to_do(dry_run):
    assert "Nothing to be done" in dry_run()


def test_one_new_scene_lists_exactly_its_chain(demo, dry_run, capfd):
    before = {p.name for p in (demo.results / "inventory/33TVM").iterdir()} | {
        p.name for p in (demo.results / "inventory/33TWM").iterdir()
    }
    demo_module.add_scene(demo)
    capfd.readouterr()
    after = {
        (p.parent.name, p.stem)
        for tile in ("33TVM", "33TWM")
        for p in (demo.results / f"inventory/{tile}").iterdir()
        if p.name not in before
    }
    ((tile, scene),) = after
    text = dry_run()
    counts = {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    # Twelve jobs of work and the target, which does none. What lies below the flags is not work while they may stay.
    chain = """
        ingest classify mosaic month half change evidence spacetime stac_catalogue check_grass flag_sheets report all
    """
    assert counts == dict.fromkeys(chain.split(), 1) | {"total": 13}
    assert set(re.findall(r"acquisition/(\w+)/(\S+)\.h5", text)) == {(tile, scene)}
    assert set(re.findall(r"month/32633/([\d-]+)\.h5", text)) == {scene[:7]}
    assert set(re.findall(r"half/32633/(\w+)\.h5", text)) == {half_of(scene[:7])}
    demo_module.run(demo)
    assert "Nothing to be done" in dry_run()
