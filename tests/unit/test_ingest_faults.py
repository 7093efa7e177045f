"""No fault of a server loses a scene, changes a pixel or costs more tokens than needed."""

import json
import os
import subprocess
import sys

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders.cogs import pixels, record, tile_window, write_scene
from builders.fault_server import FAULTS, FaultServer
from sealwatch.errors import RasterError
from sealwatch.grid import Window
from sealwatch.sentinel2 import transfer
from sealwatch.sentinel2.acquisition import ingest
from sealwatch.sentinel2.area import write_zone_grid
from sealwatch.sentinel2.images import ImageSource
from sealwatch.sentinel2.scene_reader import SceneReader

BANDS = ("B02", "B04", "B11")
EDGE, BLOCK = 1300, 256
CONTAINER = "sentinel2-l2"
BLOB = f"http://sealtest.blob.core.windows.net/{CONTAINER}"
WINDOW = tile_window(640, 320)


@pytest.fixture(scope="session")
def scene_files(tmp_path_factory):
    """(folder, paths by asset) of a small scene with the block layout of a real one."""
    folder = tmp_path_factory.mktemp("scene")
    return folder, write_scene(folder / CONTAINER, EDGE, BLOCK, BANDS)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(transfer, "FIRST_PAUSE_S", 0.002)


@pytest.fixture
def serve(scene_files, monkeypatch):
    """Start a fault server that also stands for the blob storage and its tokens; gives it."""
    servers = []

    def start(*faults, **options):
        server = FaultServer(scene_files[0], faults, **options)
        servers.append(server)
        server.__enter__()
        point_at(server, monkeypatch)
        return server

    yield start
    for server in servers:
        server.__exit__()


def point_at(server, monkeypatch):
    from planetary_computer.settings import Settings

    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{server.url}/token")
    Settings.get.cache_clear()


def read_all(scene, signing="none", max_retries=4, **options):
    """All strips of the scene's window as arrays by pixel size."""
    out = {10: np.zeros((2, 640, 640), "u2"), 20: np.zeros((1, 320, 320), "u2"), "scl": np.zeros((320, 320))}
    with (
        ImageSource(signing, max_retries, **options) as source,
        SceneReader(source, scene, BANDS, 4) as reader,
    ):
        for strip in reader.strips(WINDOW, [0]):
            out[strip.size_m][:, strip.rows] = strip.reflectance
            if strip.scl is not None:
                out["scl"][strip.rows] = strip.scl
    return out


def read_whole(scene):
    with ImageSource("none", 1) as source, SceneReader(source, scene, BANDS, 2) as reader:
        return list(reader.strips(tile_window(1280), [0]))


def check_pixels(out):
    truth = {band: pixels(band, EDGE if band in ("B02", "B04") else EDGE // 2) for band in (*BANDS, "SCL")}
    np.testing.assert_array_equal(out[10], [truth[b][320:960, 320:960] for b in ("B02", "B04")])
    np.testing.assert_array_equal(out[20], [truth["B11"][160:480, 160:480]])
    np.testing.assert_array_equal(out["scl"], truth["SCL"][160:480, 160:480])


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_survived(fault, scene_files, serve, capfd):
    server = serve(*["", fault] * 3, signed=True, retry_after=0)
    check_pixels(read_all(record(BLOB, scene_files[1]), "planetary-computer"))
    assert not server.faults
    assert server.tokens[CONTAINER] <= server.lives[CONTAINER]
    assert "sig=" not in "".join(capfd.readouterr())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(("", *FAULTS)), max_size=14), token_faults=st.integers(0, 2))
def test_random_faults_lose_nothing(faults, token_faults, scene_files):
    with (
        FaultServer(scene_files[0], faults, signed=True, retry_after=0) as server,
        pytest.MonkeyPatch.context() as m,
    ):
        point_at(server, m)
        m.setattr(transfer, "FIRST_PAUSE_S", 0.002)
        server.token_faults.extend(["503"] * token_faults)
        out = read_all(record(BLOB, scene_files[1]), "planetary-computer", max_retries=len(faults) + 3)
        check_pixels(out)
        assert server.tokens[CONTAINER] <= server.lives[CONTAINER]


def test_one_token_serves_all_images(scene_files, serve):
    server = serve(signed=True)
    check_pixels(read_all(record(BLOB, scene_files[1]), "planetary-computer"))
    assert server.tokens == {CONTAINER: 1}


def test_retry_after_is_kept(scene_files, serve):
    server = serve("429", "", "503", retry_after=1)
    check_pixels(read_all(record(f"{server.url}/{CONTAINER}", scene_files[1])))
    assert server.early == 0


def test_silent_server_is_left_after_the_time_limit(scene_files, serve):
    server = serve(delay=2)
    with pytest.raises(RasterError, match=r"asset B02.*after 2 tries \(no answer in time\)"):
        read_all(record(f"{server.url}/{CONTAINER}", scene_files[1]), max_retries=1, timeout_s=0.2)


def test_server_that_stays_down_is_named(scene_files, serve, capfd):
    server = serve(*["500"] * 1000)
    scene = record(BLOB, scene_files[1])
    with pytest.raises(RasterError) as caught:
        read_all(scene, max_retries=2)
    text = str(caught.value)
    assert f"{scene.granules[0].item_id}, asset B02: {BLOB}/B02.tif" in text
    assert "after 3 tries (status 500)" in text
    assert server.requests
    assert "attempt 1" in capfd.readouterr().err


def test_withdrawn_image_is_not_asked_for_again(scene_files, serve):
    server = serve()
    scene = record(f"{server.url}/nowhere", scene_files[1])
    with pytest.raises(RasterError, match="no longer there"):
        read_all(scene)
    assert max(server.requests.values()) == 1


def test_refused_access_ends(scene_files, serve):
    server = serve(signed=True)
    with pytest.raises(RasterError, match=r"access refused \(403\); check catalogue.signing"):
        read_all(record(f"{server.url}/{CONTAINER}", scene_files[1]))


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_file_is_no_image(kept, scene_files, serve, tmp_path):
    for name, path in scene_files[1].items():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data[: int(len(data) * kept)] if name == "B04" else data)
    with (
        FaultServer(tmp_path.parent) as server,
        pytest.raises(RasterError, match=r"asset B04: .*cannot be read after 2 tries"),
    ):
        read_whole(record(f"{server.url}/{tmp_path.name}", scene_files[1]))


def test_damaged_block_is_no_pixel(scene_files, tmp_path, serve):
    for name, path in scene_files[1].items():
        data = bytearray(path.read_bytes())
        if name == "B02":
            data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
        (tmp_path / path.name).write_bytes(data)
    with FaultServer(tmp_path.parent) as server, pytest.raises(RasterError, match="asset B02"):
        read_whole(record(f"{server.url}/{tmp_path.name}", scene_files[1]))


def test_jpeg_2000_is_read_by_ranges(tmp_path, serve):
    paths = write_scene(tmp_path / "jp2", EDGE, 256, BANDS, driver="JP2OpenJPEG")
    with FaultServer(tmp_path, ["", "reset", "cut"]) as server:
        check_pixels(read_all(record(f"{server.url}/jp2", paths)))


def test_only_blocks_under_the_window_are_fetched(scene_files, serve, monkeypatch):
    fetched = []
    original = transfer.Transfer._range
    monkeypatch.setattr(
        transfer.Transfer,
        "_range",
        lambda self, href, start, stop, known: (
            fetched.append(stop - start) or original(self, href, start, stop, known)
        ),
    )
    server = serve()
    scene = record(f"{server.url}/{CONTAINER}", scene_files[1])
    window = Window(32633, WINDOW.x_min, WINDOW.y_max, 10, 64, 64)
    with ImageSource("none", 0) as source, SceneReader(source, scene, ("B02",), 2) as reader:
        list(reader.strips(window, [0]))
    size = scene_files[1]["B02"].stat().st_size
    assert sum(fetched) < 0.2 * size + 2 * 65536


@pytest.fixture
def job(scene_files, tmp_path):
    """(folder, command) of an ingest job in its own process; the command takes a target."""

    def make(root):
        (tmp_path / "record.json").write_text(json.dumps(record(root, scene_files[1]).as_json()))
        grid = tmp_path / "grid.h5"
        if not grid.exists():
            area = gpd.GeoDataFrame(geometry=[shapely.box(*WINDOW.bounds)], crs=32633)
            area.to_file(tmp_path / "area.geojson", driver="GeoJSON")
            write_zone_grid(tmp_path / "area.geojson", "32633", 64, grid, 1)
        return {
            "record": str(tmp_path / "record.json"),
            "zone_grid": str(grid),
            "bands": list(BANDS),
            "read_threads": 2,
            "max_retries": 4,
            "baseline": 1,
        }

    return make


def test_killed_job_leaves_no_target_and_a_rerun_gives_the_same_bytes(job, serve, tmp_path):
    server = serve(signed=True, delay=0.08)
    arguments = job(BLOB) | {"signing": "planetary-computer", "requests_in_flight": 2}
    whole, target = tmp_path / "whole.h5", tmp_path / "target.h5"
    ingest(**arguments, target=whole)
    program = (
        "import sys, json; from sealwatch.sentinel2.acquisition import ingest; "
        "import planetary_computer, rasterio, geopandas; print('ready', flush=True); "
        "ingest(**json.loads(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, json.dumps(arguments | {"target": str(target)})]
    rng = np.random.default_rng(3)
    killed, environment = 0, os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(10):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        process.stdout.readline()
        try:
            process.wait(rng.uniform(0.02, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            assert not target.exists()
        process.stdout.close()
        target.unlink(missing_ok=True)
    assert killed >= 5
    ingest(**arguments, target=target)
    assert target.read_bytes() == whole.read_bytes()
    assert b"sig=" not in whole.read_bytes()
    assert b"secret-" not in whole.read_bytes()
    assert server.tokens[CONTAINER] <= killed + 12


def test_failed_scene_names_the_reason_and_the_next_run_takes_it_up(job, serve, tmp_path):
    server = serve(*["503"] * 400)
    arguments = job(BLOB) | {"signing": "none", "max_retries": 1, "target": tmp_path / "scene.h5"}
    with pytest.raises(RasterError, match=r"asset .*status 503"):
        ingest(**arguments)
    assert not (tmp_path / "scene.h5").exists()
    assert not list(tmp_path.glob(".*part*"))
    server.faults.clear()
    ingest(**arguments)
    with h5py.File(tmp_path / "scene.h5") as file:
        assert (file["m10/reflectance"][:] > 0).all()


def test_memory_does_not_grow_with_the_height(tmp_path):
    program = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from builders.cogs import record, tile_window, write_scene\n"
        "from sealwatch.grid import Window\n"
        "from sealwatch.sentinel2.images import ImageSource\n"
        "from sealwatch.sentinel2.scene_reader import SceneReader\n"
        "import sealwatch.sentinel2.scene_reader as module\n"
        "paths = {a: Path(f'{a}.tif') for a in ('B02', 'B03', 'SCL')}\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with ImageSource('none', 0) as s, SceneReader(s, record(sys.argv[1], paths), ('B02', 'B03'), 2) as r:\n"
        "    for strip in r.strips(Window(32633, 499980, 5200020, 10, 1280, 10240), [0]): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    for band in ("B02", "B03", "SCL"):
        size = 20 if band == "SCL" else 10
        image = np.resize(pixels(band, 2048 // (size // 10)), (10240 * 10 // size, 1280 * 10 // size))
        with rasterio.open(
            tmp_path / f"{band}.tif",
            "w",
            driver="GTiff",
            width=image.shape[1],
            height=image.shape[0],
            count=1,
            dtype=image.dtype,
            crs=32633,
            transform=rasterio.transform.from_origin(499980, 5200020, size, size),
            tiled=True,
        ) as target:
            target.write(image, 1)
    whole_mb = 10240 * 1280 * 2 * 2 / 1e6
    with FaultServer(tmp_path.parent) as server:
        done = subprocess.run(
            [sys.executable, "-c", program, f"{server.url}/{tmp_path.name}"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    # 96 MiB of fetched blocks at most, the strips and GDAL's block cache.
    assert int(done.stdout) * 1024 / 1e6 < 0.9 * whole_mb + 96
