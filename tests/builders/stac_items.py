"""STAC items and collection as in Planetary Computer's sentinel-2-l2a, and their asset files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from sealwatch.files import write_json
from sealwatch.grid import Window

from .acquisitions import Acquisition
from .sentinel2_scenes import (
    BANDS_10M,
    BANDS_20M,
    OFFSET_SINCE,
    SCL_CLOUD,
    SCL_NODATA,
    SCL_SHADOW,
    SCL_SNOW,
    SCL_VEGETATION,
    SCL_WATER,
    TILE_WINDOWS,
    CogWriter,
    Scene,
    cut,
    digital_numbers,
)

COLLECTION = "sentinel-2-l2a"
_ORBIT = 122
_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_TITLES = {
    "B02": ("Band 2 - Blue - 10m", "blue", 0.49, 0.098),
    "B03": ("Band 3 - Green - 10m", "green", 0.56, 0.045),
    "B04": ("Band 4 - Red - 10m", "red", 0.665, 0.038),
    "B05": ("Band 5 - Vegetation red edge 1 - 20m", "rededge", 0.704, 0.019),
    "B06": ("Band 6 - Vegetation red edge 2 - 20m", "rededge", 0.74, 0.018),
    "B07": ("Band 7 - Vegetation red edge 3 - 20m", "rededge", 0.783, 0.028),
    "B08": ("Band 8 - NIR - 10m", "nir", 0.842, 0.145),
    "B11": ("Band 11 - SWIR (1.6) - 20m", "swir16", 1.61, 0.143),
    "B12": ("Band 12 - SWIR (2.2) - 20m", "swir22", 2.19, 0.242),
}


@dataclass(frozen=True, slots=True)
class Granule:
    """One product of a pass: tile, baseline, processing time and the pixels it holds (None: all)."""

    acquisition: Acquisition
    tile: str
    baseline: str
    generated: datetime
    delay_s: int = 0
    """Seconds from the start of the datatake to the sensing of this granule's datastrip."""
    keep: NDArray[np.bool_] | None = None
    window: Window | None = None
    """What its assets cover; None: the tile's window of the synthetic world."""

    @property
    def start(self) -> datetime:
        """Start of the datatake."""
        second = {"S2A": 31, "S2B": 29, "S2C": 41}[self.acquisition.platform]
        return datetime.fromisoformat(self.acquisition.date).replace(hour=10, second=second, tzinfo=UTC)

    @property
    def offset(self) -> int:
        """What the baseline adds to digital numbers."""
        return 1000 if self.baseline >= "04.00" else 0

    @property
    def item_id(self) -> str:
        """Identifier as Planetary Computer forms it: without the baseline."""
        platform = self.acquisition.platform
        start, made = f"{self.start:%Y%m%dT%H%M%S}", f"{self.generated:%Y%m%dT%H%M%S}"
        return f"{platform}_MSIL2A_{start}_R{_ORBIT}_T{self.tile}_{made}"

    @property
    def product(self) -> str:
        """Name of the SAFE folder."""
        return self.item_id.replace(f"_R{_ORBIT}", f"_N{self.baseline.replace('.', '')}_R{_ORBIT}") + ".SAFE"

    def asset_path(self, name: str) -> str:
        """Path of an asset below the root of all assets."""
        tile, start = self.tile, self.start
        pixel = 10 if name in BANDS_10M else 20
        sensed = start + timedelta(seconds=self.delay_s)
        folder = f"{tile[:2]}/{tile[2]}/{tile[3:]}/{start:%Y/%m/%d}/{self.product}"
        granule = f"L2A_T{tile}_A{_absolute_orbit(self.acquisition):06d}_{sensed:%Y%m%dT%H%M%S}"
        return (
            f"{folder}/GRANULE/{granule}/IMG_DATA/R{pixel}m/T{tile}_{start:%Y%m%dT%H%M%S}_{name}_{pixel}m.tif"
        )


def _absolute_orbit(one: Acquisition) -> int:
    days = (datetime.fromisoformat(one.date) - datetime(2021, 1, 1)).days
    return {"S2A": 28900, "S2B": 19990, "S2C": 1000}[one.platform] + round(days * 14.3)


def baseline_of(date: str) -> str:
    """Processing baseline of a product made on the day of its acquisition."""
    if date < OFFSET_SINCE:
        return "02.14" if date < "2021-02-15" else "03.01"
    for since, baseline in (("2024-07-23", "05.11"), ("2023-12-13", "05.10"), ("2022-12-06", "05.09")):
        if date >= since:
            return baseline
    return "04.00"


def granules_of(one: Acquisition, tiles: list[str]) -> list[Granule]:
    """The products of one pass, with split and reprocessed ones."""
    granules: list[Granule] = []
    evening = datetime.fromisoformat(one.date).replace(hour=16, minute=12, second=7, tzinfo=UTC)
    for n, tile in enumerate(tiles):
        generated = evening + timedelta(minutes=7 * n)
        first = Granule(one, tile, baseline_of(one.date), generated, 431)
        if one.split_tile == tile:
            window = TILE_WINDOWS[tile]
            row, col = np.indices((window.height // 2, window.width // 2))
            upper = row + 0.2 * col < window.height / 4 + 20
            granules.append(Granule(one, tile, first.baseline, generated, 431, upper))
            later = generated + timedelta(minutes=3)
            granules.append(Granule(one, tile, first.baseline, later, 448, ~upper))
        else:
            granules.append(first)
        if one.reprocessed:
            again = datetime(2023, 6, 7, 3, 41, 12 + n, tzinfo=UTC)
            granules.append(Granule(one, tile, "05.00", again, 431))
    return granules


def _footprint(window: Window) -> tuple[dict[str, Any], list[float]]:
    transformer = Transformer.from_crs(window.epsg, 4326, always_xy=True)
    west, south, east, north = window.bounds
    ring = [(west, north), (west, south), (east, south), (east, north), (west, north)]
    points = [tuple(round(v, 7) for v in transformer.transform(x, y)) for x, y in ring]
    lon, lat = [p[0] for p in points], [p[1] for p in points]
    polygon = {"type": "Polygon", "coordinates": [[list(p) for p in points]]}
    return polygon, [min(lon), min(lat), max(lon), max(lat)]


def write_granule(
    granule: Granule, scene: Scene, folder: Path, base_url: str, writer: CogWriter
) -> dict[str, Any]:
    """Queue the asset files below `folder/assets`, write the item to `folder/items` and return it."""
    window = granule.window or TILE_WINDOWS[granule.tile]
    coarse = Window(window.epsg, window.x_min, window.y_max, 20, window.width // 2, window.height // 2)
    keep = granule.keep
    assets: dict[str, Any] = {}
    for name in (*BANDS_10M, *BANDS_20M, "SCL"):
        place = window if name in BANDS_10M else coarse
        pixel = int(place.cell_size_m)
        relative = granule.asset_path(name)
        if name == "SCL":
            image = cut(scene.scl, scene.window, window, pixel).copy()
            if keep is not None:
                image[~keep] = SCL_NODATA
        else:
            mask = keep if keep is None or pixel == 20 else keep.repeat(2, axis=0).repeat(2, axis=1)
            image = digital_numbers(cut(scene.bands[name], scene.window, window, pixel), granule.offset, mask)
        writer.write(folder / "assets" / relative, image, place)
        assets[name] = _asset(name, f"{base_url.rstrip('/')}/{relative}", place)
    scl = cut(scene.scl, scene.window, window, 20)
    item = _item(granule, window, assets, scl if keep is None else np.where(keep, scl, SCL_NODATA))
    write_json(folder / "items" / f"{item['id']}.json", item)
    return item


def _asset(name: str, href: str, window: Window) -> dict[str, Any]:
    size = float(window.cell_size_m)
    asset: dict[str, Any] = {
        "href": href,
        "type": _TYPE,
        "roles": ["data"],
        "title": "Scene classfication map (SCL)",  # spelled so in the real items
        "gsd": size,
        "proj:bbox": [float(v) for v in window.bounds],
        "proj:shape": [window.height, window.width],
        "proj:transform": [size, 0.0, float(window.x_min), 0.0, -size, float(window.y_max)],
    }
    if name in _TITLES:
        title, common, wavelength, width = _TITLES[name]
        asset["title"] = title
        asset["eo:bands"] = [
            {
                "name": name,
                "common_name": common,
                "description": title.rsplit(" - ", 1)[0],
                "center_wavelength": wavelength,
                "full_width_half_max": width,
            }
        ]
    return asset


def _share(scl: NDArray[np.integer], code: int) -> float:
    seen = scl != SCL_NODATA
    return round(100.0 * float((scl[seen] == code).mean()), 6) if seen.any() else 0.0


def _item(
    granule: Granule, window: Window, assets: dict[str, Any], scl: NDArray[np.integer]
) -> dict[str, Any]:
    one, start = granule.acquisition, granule.start
    geometry, bbox = _footprint(window)
    sensed = start + timedelta(seconds=granule.delay_s)
    platform, orbit = one.platform, _absolute_orbit(one)
    suffix = f"N{granule.baseline}"
    made = f"{granule.generated:%Y%m%dT%H%M%S}"
    return {
        "id": granule.item_id,
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.0.0/schema.json",
            "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
        ],
        "collection": COLLECTION,
        "geometry": geometry,
        "bbox": bbox,
        "links": [],
        "assets": assets,
        "properties": {
            "datetime": f"{start:%Y-%m-%dT%H:%M:%S}.024000Z",
            "platform": f"Sentinel-2{platform[2]}",
            "constellation": "Sentinel 2",
            "instruments": ["msi"],
            "proj:epsg": window.epsg,
            "sat:orbit_state": "descending",
            "sat:relative_orbit": _ORBIT,
            "eo:cloud_cover": _share(scl, SCL_CLOUD),
            "s2:mgrs_tile": granule.tile,
            "s2:processing_baseline": granule.baseline,
            "s2:product_uri": granule.product,
            "s2:product_type": "S2MSI2A",
            "s2:generation_time": f"{granule.generated:%Y-%m-%dT%H:%M:%S}.0Z",
            "s2:datatake_id": f"G{platform}_{start:%Y%m%dT%H%M%S}_{orbit:06d}_{suffix}",
            "s2:datatake_type": "INS-NOBS",
            "s2:datastrip_id": f"{platform}_OPER_MSI_L2A_DS_MSFT_{made}_S{sensed:%Y%m%dT%H%M%S}_{suffix}",
            "s2:granule_id": f"{platform}_OPER_MSI_L2A_TL_MSFT_{made}_A{orbit:06d}_T{granule.tile}_{suffix}",
            "s2:nodata_pixel_percentage": round(100.0 * float((scl == SCL_NODATA).mean()), 6),
            "s2:cloud_shadow_percentage": _share(scl, SCL_SHADOW),
            "s2:snow_ice_percentage": _share(scl, SCL_SNOW),
            "s2:vegetation_percentage": _share(scl, SCL_VEGETATION),
            "s2:water_percentage": _share(scl, SCL_WATER),
        },
    }


def collection(bounds: list[float], period: tuple[str, str], description: str) -> dict[str, Any]:
    """The STAC collection; `bounds` are west, south, east, north in degrees."""
    return {
        "id": COLLECTION,
        "type": "Collection",
        "stac_version": "1.0.0",
        "title": "Sentinel-2 Level-2A",
        "description": description,
        "license": "Apache-2.0",
        "keywords": ["Sentinel", "Copernicus", "Reflectance"],
        "extent": {
            "spatial": {"bbox": [bounds]},
            "temporal": {"interval": [[f"{period[0]}T00:00:00Z", f"{period[1]}T23:59:59Z"]]},
        },
        "summaries": {"platform": ["Sentinel-2A", "Sentinel-2B", "Sentinel-2C"], "instruments": ["msi"]},
        "item_assets": {
            name: {"type": _TYPE, "roles": ["data"], "gsd": 10 if name in BANDS_10M else 20}
            for name in (*BANDS_10M, *BANDS_20M, "SCL")
        },
        "links": [],
    }
