"""GRASS GIS sessions: a private database per job, modules as child processes, maps as arrays.

Made through grass-session; its documentation and the GRASS 8.2 manual are the sources of the options used.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import GrassError
from .grid import Window
from .hdf5 import FILL_VALUES

if TYPE_CHECKING:
    import geopandas

INSTALL_HINT = "install it with: apt-get install grass-core python3-ply"
"""What to do when GRASS is missing."""

TIMEOUT_S = 3600.0
"""Seconds after which an ordinary module is taken for hung."""

TEMPORAL_TIMEOUT_S = 300.0
"""The same for the temporal modules `t.*`, which were seen to hang; they are killed and tried again."""


class GrassSession:
    """An open mapset; made by `session`. Options are keywords: `input=`, `type_=` for `type`, and so on."""

    def __init__(self, env: dict[str, str], scratch: Path) -> None:
        self._env = env
        self._region: dict[str, str] | None = None
        self.scratch = scratch

    def run(self, module: str, **options: Any) -> None:
        """Run a module as `read` does and discard what it prints."""
        self.read(module, **options)

    def read(
        self,
        module: str,
        *,
        flags: str = "",
        overwrite: bool = False,
        stdin: str | None = None,
        timeout_s: float | None = None,
        attempts: int | None = None,
        **options: Any,
    ) -> str:
        """Run a module and return its standard output; warnings go to standard error, hence to the job's log.

        Args:
            module: e.g. `r.in.gdal` or `t.register`.
            flags: one-letter flags, e.g. `ko`.
            overwrite: whether existing maps may be replaced.
            stdin: text for the module's standard input.
            timeout_s: seconds after which its process group is killed; by default `TIMEOUT_S`, or
                `TEMPORAL_TIMEOUT_S` for `t.*`.
            attempts: runs tried in all where a run did not end in time; by default 3 for `t.*` and else 1.
                The further runs may overwrite what the killed one left.
            options: the module's options; lists are joined with commas, None is left out.

        Raises:
            GrassError: the module is unknown, failed (with its own message) or did not end in time.
        """
        if module == "g.region":
            self._region = None
        temporal = module.startswith("t.")
        limit = timeout_s if timeout_s is not None else TEMPORAL_TIMEOUT_S if temporal else TIMEOUT_S
        tries = attempts if attempts is not None else 3 if temporal else 1
        for attempt in range(1, tries + 1):
            command = _command(module, flags, overwrite or attempt > 1, options)
            try:
                return self._execute(command, stdin, limit)
            except subprocess.TimeoutExpired:
                print(
                    f"{module}: killed after {limit:g} s, run {attempt} of {tries}",
                    file=sys.stderr,
                    flush=True,
                )
        raise GrassError(f"{module} did not end within {limit:g} s in {tries} run(s); raise its time limit")

    def read_pairs(self, module: str, **options: Any) -> dict[str, str]:
        """Run a module that prints `key=value` lines (flag `g` of most) and return them."""
        lines = self.read(module, **options).splitlines()
        return {k.strip(): v.strip().strip("'") for k, _, v in (line.partition("=") for line in lines) if v}

    def _execute(self, command: list[str], stdin: str | None, limit: float) -> str:
        try:
            process = subprocess.Popen(
                command,
                env=self._env,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # a group of its own, so that its children can be killed with it
            )
        except FileNotFoundError as error:
            raise GrassError(f"GRASS has no module {command[0]}; {INSTALL_HINT}") from error
        try:
            out, err = process.communicate(stdin, timeout=limit)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        if process.returncode != 0:
            raise GrassError(f"{command[0]} failed: {_own_message(err)} (command: {' '.join(command)})")
        if err.strip():
            print(f"{command[0]}: {err.strip()}", file=sys.stderr, flush=True)
        return out

    def set_region(self, window: Window) -> None:
        """Make the computational region the raster window, which must be in the session's CRS."""
        x_min, y_min, x_max, y_max = (repr(float(v)) for v in window.bounds)
        self.run("g.region", w=x_min, s=y_min, e=x_max, n=y_max, rows=window.height, cols=window.width)

    def region(self, epsg: int) -> Window:
        """The computational region as a raster window; `epsg` is that of the session.

        Raises:
            GrassError: its cells are not square.
        """
        pairs = self._current_region()
        west, north = float(pairs["w"]), float(pairs["n"])
        width, height = int(pairs["cols"]), int(pairs["rows"])
        size_x = (float(pairs["e"]) - west) / width
        size_y = (north - float(pairs["s"])) / height
        if abs(size_x - size_y) > 1e-6 * size_x:
            raise GrassError(
                f"cells of {size_x} x {size_y} m are not square; resample the raster to square cells"
            )
        return Window(epsg, west, north, size_x, width, height)

    def _current_region(self) -> dict[str, str]:
        """Edges, `rows` and `cols` of the computational region; asked from GRASS once after each change."""
        if self._region is None:
            self._region = self.read_pairs("g.region", flags="g")
        return self._region

    def import_raster(
        self, source: str | Path, name: str, *, link: bool = False, bands: Sequence[int] | None = None
    ) -> None:
        """Bring a raster into the mapset; its CRS must be the session's, which the caller has checked.

        Args:
            source: file, or GDAL name such as `NETCDF:"/abs/file.h5":class`.
            name: map; a source of several bands gives the maps `name.1`, `name.2`, ...
            link: read the file in place (r.external) instead of copying it.
            bands: numbers of the bands, from 1; None takes all.
        """
        # -o: the CRS was compared by EPSG code; GRASS would refuse files whose WKT merely words the datum
        # otherwise.
        if link:
            # `input` takes a file only and makes its path absolute; names such as NETCDF:"...":class go to
            # `source`.
            file, other = (source, None) if Path(source).is_file() else (None, source)
            self.run("r.external", flags="o", output=name, input=file, source=other, band=bands)
        else:
            self.run("r.in.gdal", flags="ko", input=source, output=name, band=bands)

    def import_areas(self, frame: geopandas.GeoDataFrame, name: str, key: str | None = None) -> None:
        """Make map `name` of the current region from polygons in the session's CRS, NULL outside them.

        Args:
            frame: polygons; a pixel belongs to the one that its centre lies in.
            name: of the map, and of the vector map it is made from.
            key: column of whole numbers above 0 that the map takes on; None makes it 1.
        """
        from .vectors import write_geopackage

        if frame.empty:
            self.run("r.mapcalc", expression=f"{name} = null()")
            return
        source = self.scratch / f"{name}.gpkg"
        columns = [frame.geometry.name] if key is None else [key, frame.geometry.name]
        write_geopackage(source, frame[columns], name, geometry_type="Unknown")
        self.run("v.in.ogr", flags="o", input=source, output=name, key=key, type_="boundary")
        values = {"use": "val", "value": 1} if key is None else {"use": "cat"}
        self.run("v.to.rast", input=name, output=name, type_="area", **values)

    def import_array(self, array: np.ndarray, name: str) -> None:
        """Make a map of the current region from a 2-D array (uint8, uint16, int32, float32; y downwards).

        255, 0, -1 and NaN respectively become NULL.
        """
        kind = str(array.dtype)
        window = self._current_region()
        path = self.scratch / f"{name}.bin"
        np.ascontiguousarray(array).tofile(path)
        flags = {"float32": "f", "int32": "s"}.get(kind, "")
        width = None if kind == "float32" else array.dtype.itemsize
        self.run(
            "r.in.bin",
            input=path,
            output=name,
            rows=array.shape[0],
            cols=array.shape[1],
            anull=FILL_VALUES[kind],
            flags=flags,
            bytes=width,
            north=window["n"],
            south=window["s"],
            east=window["e"],
            west=window["w"],
        )
        path.unlink()

    def export_array(self, name: str, dtype: str) -> np.ndarray:
        """A map over the current region as a read-only 2-D array that lies on disk, so memory stays bounded.

        Args:
            name: map.
            dtype: `uint8`, `uint16`, `int32` or `float32`; NULL becomes 255, 0, -1 or NaN.
        """
        pairs = self._current_region()
        path = self.scratch / f"{name}.{dtype}.bin"
        flags = "f" if dtype == "float32" else "i"
        self.run(
            "r.out.bin",
            flags=flags,
            input=name,
            output=path,
            bytes=np.dtype(dtype).itemsize,
            null=FILL_VALUES[dtype],
            overwrite=True,
        )
        return np.memmap(path, dtype=dtype, mode="r", shape=(int(pairs["rows"]), int(pairs["cols"])))


@contextmanager
def session(
    epsg: int, folder: str | Path | None = None, location: str = "sealwatch", mapset: str = "work"
) -> Iterator[GrassSession]:
    """Open a mapset of its own in a GRASS database; one session at a time in a process.

    Args:
        epsg: code of the location's CRS.
        folder: database folder, made where it is absent and kept; None gives a temporary one below the
            process's temporary folder (`TMPDIR`), removed at the end.
        location: location inside the database.
        mapset: mapset inside the location; two jobs must never share one.

    Raises:
        GrassError: GRASS is not installed, or the location could not be made.
    """
    scratch = Path(tempfile.mkdtemp(prefix="sealwatch-grass-"))
    try:
        with _environment(scratch) as env:
            database = Path(folder).absolute() if folder is not None else scratch / "database"
            database.mkdir(parents=True, exist_ok=True)
            opened = _open(env, database, location, mapset, epsg)
        try:
            yield GrassSession(opened.env, scratch)
        finally:
            opened.close()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _environment(scratch: Path) -> Iterator[dict[str, str]]:
    """The environment of GRASS's processes; that of this process is as before when the block ends."""
    if shutil.which(os.environ.get("GRASSBIN", "grass")) is None:
        raise GrassError(f"GRASS GIS was not found: there is no command `grass` on PATH; {INSTALL_HINT}")
    # GRASS's own Python scripts must not see this interpreter's packages; HOME must exist and, as GRASS
    # writes settings there at every start, not be shared between jobs.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "GISRC", "GISBASE")}
    env |= {"HOME": str(scratch), "GRASS_VERBOSE": "0", "GRASS_MESSAGE_FORMAT": "plain"}
    env |= {"LC_ALL": "C.UTF-8", "GRASS_COMPRESSOR": "LZ4"}  # the quickest, for maps that live for one job
    before = dict(os.environ)
    # grass-session looks for GRASS and changes the process's environment when it is imported.
    os.environ.clear()
    os.environ.update(env)
    try:
        yield env
    finally:
        os.environ.clear()
        os.environ.update(before)


def _open(env: dict[str, str], database: Path, location: str, mapset: str, epsg: int) -> Any:
    try:
        import grass_session.session as grass_session

        # It starts `grass` with the environment it saw at its first import, whose HOME may be gone by now.
        grass_session.ORIGINAL_ENV = dict(env)
        session = grass_session.Session(env=env)
        if not (database / location / "PERMANENT").is_dir():
            # PERMANENT first and alone: making location and mapset at once leaves a wrong tree without a
            # message.
            session.open(
                gisdb=str(database), location=location, mapset="PERMANENT", create_opts=f"EPSG:{epsg}"
            )
            os.unlink(session.env["GISRC"])
        new = not (database / location / mapset).is_dir()
        session.open(gisdb=str(database), location=location, mapset=mapset, create_opts="" if new else None)
    except RuntimeError as error:
        raise GrassError(
            f"GRASS could not make location {location} with EPSG:{epsg}: {_own_message(str(error))}"
        ) from error
    session.env |= {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
    return session


def _command(module: str, flags: str, overwrite: bool, options: dict[str, Any]) -> list[str]:
    command = [module]
    if flags:
        command.append(f"-{flags}")
    if overwrite:
        command.append("--overwrite")
    for key, value in options.items():
        if value is None:
            continue
        text = ",".join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)
        command.append(f"{key.rstrip('_')}={text}")
    return command


def _own_message(err: str) -> str:
    """The lines of a module's standard error that say what was wrong."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    said = [re.sub(r"^ERROR:\s*", "", line) for line in lines if not line.startswith("WARNING")]
    return "; ".join((said or lines)[-4:]) or "no message"
