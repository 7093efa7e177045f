"""STAC items of one product as Planetary Computer, Earth Search and CDSE publish it, from the real items' structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
EARTH_SEARCH = (
    "blue",
    "green",
    "red",
    "rededge1",
    "rededge2",
    "rededge3",
    "nir",
    "nir08",
    "swir16",
    "swir22",
)
TEN_METRES = ("B02", "B03", "B04", "B08")


def _iso(instant: str, tail: str = "Z") -> str:
    return (
        f"{instant[:4]}-{instant[4:6]}-{instant[6:8]}T{instant[9:11]}:{instant[11:13]}:{instant[13:15]}{tail}"
    )


@dataclass(frozen=True)
class Product:
    """One level 2A product of ESA: what its name and metadata say."""

    tile: str = "33TVM"
    platform: str = "S2A"
    start: str = "20210614T100031"
    sensing: str = "20210614T100311"
    baseline: str = "03.00"
    generated: str = "20210615T120000"
    cloud: float = 3.0

    @property
    def offset(self) -> int:
        """What the product format says of its digital numbers."""
        return -1000 if self.baseline >= "04.00" else 0

    @property
    def name(self) -> str:
        """Name of the SAFE folder without its ending."""
        n = self.baseline.replace(".", "")
        return f"{self.platform}_MSIL2A_{self.start}_N{n}_R122_T{self.tile}_{self.generated}"

    @property
    def datatake(self) -> str:
        """Identifier of the datatake."""
        return f"G{self.platform}_{self.start}_031234_N{self.baseline}"

    @property
    def datastrip(self) -> str:
        """Identifier of the datastrip."""
        return f"{self.platform}_OPER_MSI_L2A_DS_2APS_{self.generated}_S{self.sensing}_N{self.baseline}"

    def _item(self, name: str, collection: str, properties: dict[str, Any], assets: Any) -> dict[str, Any]:
        box = [14.0, 46.0, 14.5, 46.5]
        ring = [[box[i], box[j]] for i, j in ((0, 1), (2, 1), (2, 3), (0, 3), (0, 1))]
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": [],
            "id": name,
            "collection": collection,
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "bbox": box,
            "links": [],
            "properties": {"eo:cloud_cover": self.cloud, **properties},
            "assets": assets,
        }

    def planetary_computer(self, query: str = "") -> dict[str, Any]:
        """As in Planetary Computer: no word of the offset."""
        properties = {
            "datetime": _iso(self.start, ".024000Z"),
            "platform": f"Sentinel-2{self.platform[2]}",
            "s2:mgrs_tile": self.tile,
            "s2:processing_baseline": self.baseline,
            "s2:product_type": "S2MSI2A",
            "s2:product_uri": f"{self.name}.SAFE",
            "s2:datatake_id": self.datatake,
            "s2:datastrip_id": self.datastrip,
            "s2:generation_time": _iso(self.generated, ".0Z"),
        }
        name = self.name.replace(f"_N{self.baseline.replace('.', '')}", "")
        root = f"https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/{self.name}.SAFE"
        assets = {
            band: {"href": f"{root}/{band}.tif{query}", "type": "image/tiff"} for band in (*BANDS, "SCL")
        }
        return self._item(name, "sentinel-2-l2a", properties, assets)

    def earth_search(
        self,
        collection: str = "sentinel-2-c1-l2a",
        applied: bool | None = False,
        stated: float | None = None,
        number: int = 0,
        delay: str = "",
    ) -> dict[str, Any]:
        """As in Earth Search v1; `delay` is the tile's own sensing time, which is its datetime."""
        stated = self.offset / 10000 if stated is None else stated
        zone = self.tile.lstrip("0")
        properties = {
            "datetime": _iso(delay or self.sensing, ".563000Z"),
            "platform": f"sentinel-2{self.platform[2].lower()}",
            "grid:code": f"MGRS-{zone}",
            "s2:processing_baseline": self.baseline,
            "s2:product_type": "S2MSI2A",
            "s2:product_uri": f"{self.name}.SAFE",
            "s2:datatake_id": self.datatake,
            "s2:datastrip_id": self.datastrip,
            "s2:generation_time": _iso(self.generated, ".000000Z"),
            "updated": "2023-10-13T18:30:03.776Z",
        }
        if applied is not None:
            properties["earthsearch:boa_offset_applied"] = applied
        name = f"{self.platform}_{self.tile}_{self.start[:8]}_{number}_L2A"
        assets: dict[str, Any] = {}
        for key, band in zip((*EARTH_SEARCH, "scl"), (*BANDS, "SCL"), strict=True):
            raster = {"scale": 0.0001, "offset": stated} if band != "SCL" else {"nodata": 0}
            assets[key] = {"href": f"https://example.org/cogs/{name}/{band}.tif", "raster:bands": [raster]}
            assets[f"{key}-jp2"] = {"href": f"s3://sentinel-s2-l2a/{name}/{band}.jp2"}
        return self._item(name, collection, properties, assets)

    def cdse(self) -> dict[str, Any]:
        """As in the Copernicus Data Space: every band in several resolutions, offset at the asset."""
        properties = {
            "datetime": _iso(self.start, ".024Z"),
            "platform": f"sentinel-2{self.platform[2].lower()}",
            "grid:code": f"MGRS-{self.tile}",
            "processing:version": self.baseline,
            "processing:datetime": _iso(self.generated, ".000000Z"),
            "product:type": "S2MSI2A",
            "eopf:datatake_id": self.datatake,
            "eopf:datastrip_id": self.datastrip,
            "updated": "2024-05-08T20:38:50.613310Z",
        }
        root = f"s3://eodata/Sentinel-2/MSI/L2A/{self.name}.SAFE"
        assets: dict[str, Any] = {}
        for band in (*BANDS, "SCL"):
            for pixel in (10, 20, 60) if band in TEN_METRES else (20, 60):
                asset: dict[str, Any] = {"href": f"{root}/{band}_{pixel}m.jp2", "type": "image/jp2"}
                if band != "SCL":
                    asset |= {"raster:scale": 0.0001, "raster:offset": self.offset / 10000}
                assets[f"{band}_{pixel}m"] = asset
        return self._item(self.name, "sentinel-2-l2a", properties, assets)
