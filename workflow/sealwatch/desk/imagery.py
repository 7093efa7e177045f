"""Imagery for review as map tiles out of COGs."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import rasterio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as PathParameter
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from ..keys import WILDCARD_CONSTRAINTS
from .desk import ERRORS, SignedIn, TheDesk

Layer = Literal["sentinel2_before", "sentinel2_after", "orthophoto_before", "orthophoto_after"]
SHEET_KEY = f"{WILDCARD_CONSTRAINTS['sheet']}_{WILDCARD_CONSTRAINTS['year']}"
MAX_ZOOM = 22
AT_ONCE = 4
"""Tiles drawn at the same time; more would only take turns on the disk and the processors."""

_FORMATS = {"png": ("PNG", "image/png"), "webp": ("WEBP", "image/webp"), "jpg": ("JPEG", "image/jpeg")}
_GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 128, "GDAL_NUM_THREADS": 1}
_DRAWING = CapacityLimiter(AT_ONCE)

router = APIRouter(prefix="/api/tiles", tags=["imagery"], responses=ERRORS)


@router.get("/{sheet_year}/{layer}/{z}/{x}/{y}.{ending}", response_class=Response)
async def tile(
    sheet_year: Annotated[str, PathParameter(max_length=110)],
    layer: Layer,
    z: Annotated[int, PathParameter(ge=0, le=MAX_ZOOM)],
    x: Annotated[int, PathParameter(ge=0)],
    y: Annotated[int, PathParameter(ge=0)],
    ending: Literal["png", "webp", "jpg"],
    request: Request,
    desk: TheDesk,
    _: SignedIn,
) -> Response:
    """A tile of 256 pixels in Web Mercator; transparent (JPEG: white) where there is no image."""
    if re.fullmatch(SHEET_KEY, sheet_year) is None:
        raise HTTPException(404, "there is no such tile")
    path = _folder(desk.results, sheet_year) / f"{layer}.tif"
    return await answer_tile(path, f"{sheet_year}-{layer}", x, y, z, ending, request)


async def answer_tile(
    path: Path, key: str, x: int, y: int, z: int, ending: str, request: Request
) -> Response:
    """The answer to a request for a tile of the COG at `path`; `key` names the image for the browser's cache.

    Raises:
        HTTPException: 404 without such a tile or image.
    """
    if max(x, y) >= 2**z:
        raise HTTPException(404, "there is no such tile")
    try:
        changed = path.stat()
    except OSError:
        raise HTTPException(404, "there is no such image") from None
    named = f"{changed.st_mtime_ns}-{changed.st_size}-{key}-{z}-{x}-{y}-{ending}"
    tag = f'"{hashlib.sha256(named.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    driver, media_type = _FORMATS[ending]
    # In threads of their own, so that a map full of tiles keeps no other request waiting.
    drawn = await to_thread.run_sync(_drawn, path, x, y, z, driver, limiter=_DRAWING)
    return Response(drawn, media_type=media_type, headers=headers)


def image_layers(results: Path, sheet_year: str) -> dict[str, dict[str, Any]]:
    """By layer: address of the tiles, date, bounds in degrees and zooms of the images a sheet has.

    Args:
        results: folder of all products.
        sheet_year: key of the orthophoto, e.g. `D2101_2024`.
    """
    if re.fullmatch(SHEET_KEY, sheet_year) is None:
        return {}
    return layers_in(_folder(results, sheet_year), f"/api/tiles/{sheet_year}")


def layers_in(folder: Path, address: str) -> dict[str, dict[str, Any]]:
    """The same of the images in a folder, whose tiles have addresses below `address`."""
    try:
        facts = json.loads((folder / "images.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        # Browsers keep tiles for an hour: those of another image have another address.
        layer: {"tiles": f"{address}/{layer}/{{z}}/{{x}}/{{y}}.png?v={(changed := path.stat().st_mtime_ns)}"}
        | facts[layer]
        | _extent(path, changed)
        for layer in get_args(Layer)
        if layer in facts and (path := folder / f"{layer}.tif").is_file()
    }


def _folder(results: Path, sheet_year: str) -> Path:
    """Folder of a sheet's images; made of a key of known form alone."""
    return results / "review" / sheet_year


@lru_cache(maxsize=10_000)
def _extent(path: Path, changed_ns: int) -> dict[str, Any]:
    """Bounds in degrees and zooms of an image; `changed_ns` makes a new file a new question."""
    with rasterio.Env(**_GDAL), Reader(str(path)) as image:
        return {
            "bounds": [round(value, 7) for value in image.get_geographic_bounds("EPSG:4326")],
            "minzoom": image.minzoom,
            "maxzoom": image.maxzoom,
        }


def _drawn(path: Path, x: int, y: int, z: int, driver: str) -> bytes:
    with rasterio.Env(**_GDAL):
        try:
            with Reader(str(path)) as image:
                drawn = image.tile(x, y, z, resampling_method="bilinear", reproject_method="bilinear")
        except TileOutsideBounds:
            return _nothing(driver)
        return drawn.render(img_format=driver)


@lru_cache(maxsize=3)
def _nothing(driver: str) -> bytes:
    pixels = np.ma.masked_all((3, 256, 256), "u1")
    pixels.data[:] = 255
    return ImageData(pixels).render(img_format=driver)
