"""The mapfile: the public views as WFS 2.0, 1.1 and 1.0, WMS 1.3.0 and GeoJSON by MapServer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyproj import CRS, Transformer

from ..errors import ConfigError
from .public import DATES, LAYER, public_schema, release_layer

PATH = "/ows"
"""Path of WFS and WMS below the address of the service."""

PG_SERVICE = "sealwatch"
"""Name of the connection in the libpq service file that the web server hands to MapServer."""

_PIXEL_M = 0.00028
"""Edge of a pixel by which OGC defines scale denominators, in metres."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the public schema holds.

    Attributes:
        releases: numbers of the releases, oldest first.
        generalised: tolerance in metres and view of each copy for small scales, finest first.
        days: first and last flight date of the current release, ISO 8601; None where it is empty.
    """

    releases: tuple[int, ...] = ()
    generalised: tuple[tuple[float, str], ...] = ()
    days: tuple[str, str] | None = None


def public_url(services: Mapping[str, Any]) -> str:
    """Address under which clients reach the services, without a final slash."""
    return (services.get("public_url") or f"http://{services['host']}:{services['port']}").rstrip("/")


def service_url(services: Mapping[str, Any]) -> str:
    """Address of WFS and WMS, e.g. `http://127.0.0.1:8080/ows`."""
    return public_url(services) + PATH


def mapfile(services: Mapping[str, Any], settings: Mapping[str, Any], found: Published) -> str:
    """Text of the mapfile; it names a libpq service and so holds neither host, user nor password.

    WFS: layer `newly_sealed` shows the current release, or the one that parameter RELEASE names, and each release
    has a layer of its own. WMS: group `newly_sealed` shows the outlines at large scales and the generalised copies
    at smaller ones.

    Args:
        services: section `services` of the configuration.
        settings: section `database` of the configuration.
        found: what the public schema holds.

    Raises:
        ConfigError: a text, address or CRS cannot be used.
    """
    common = _Common(services, settings)
    view = LAYER
    validation = ""
    if found.releases:
        view = f"{LAYER}%release%"
        numbers = "|".join(map(str, found.releases))
        validation = f"""
        VALIDATION
            "release" "^_({numbers})$"
            "default_release" "_{found.releases[-1]}"
        END"""
    layers = [common.layer(LAYER, view, "WFS", extra=validation)]
    for number in found.releases:
        layers.append(
            common.layer(release_layer(number), release_layer(number), "WFS WMS", f"release {number}")
        )
    scales = [tolerance / 2 / _PIXEL_M for tolerance, _ in found.generalised]
    drawn = [
        (f"{LAYER}_outlines", LAYER, ""),
        *((name, name, f"generalised by {t:g} m") for t, name in found.generalised),
    ]
    time = _time(found.days)
    for (name, source, about), low, high in zip(drawn, [0.0, *scales], [*scales, 0.0], strict=True):
        limits = f'\n        GROUP "{LAYER}"' + _limit("MINSCALEDENOM", low) + _limit("MAXSCALEDENOM", high)
        layers.append(common.layer(name, source, "WMS", about, limits, time))
    return _MAP.format(
        srid=common.srid,
        extent=" ".join(f"{value:.0f}" for value in _area_of_use(common.srid)),
        about=common.about(),
        title=common.title,
        url=_quoted(service_url(services) + "?", "services.public_url"),
        layers="\n".join(layers),
    )


class _Common:
    """What all layers share."""

    def __init__(self, services: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.srid = int(settings["srid"])
        self.schema = public_schema(settings["schema"])
        self.title = _quoted(services["title"], "services.title")
        self._abstract = _quoted(services["abstract"], "services.abstract")
        self._srs = _quoted(" ".join(dict.fromkeys([f"EPSG:{self.srid}", *services["srs"]])), "services.srs")

    def about(self, addition: str = "") -> str:
        title = f'{self.title[:-1]}, {addition}"' if addition else self.title
        return f"""
            "ows_title" {title}
            "ows_abstract" {self._abstract}
            "ows_keywordlist" "Land cover,Land use,Soil,soil sealing"
            "ows_fees" "no conditions apply"
            "ows_accessconstraints" "no limitations"
            "ows_srs" {self._srs}"""

    def layer(
        self, name: str, view: str, services: str, about: str = "", extra: str = "", metadata: str = ""
    ) -> str:
        """A layer; its sub-select is ordered by the key, or pages of a large answer overlap and lose features."""
        offered = [
            f'\n            "{service.lower()}_enable_request" "{"*" if service in services else "!*"}"'
            for service in ("WFS", "WMS")
        ]
        # As dates they would be gml:TimeInstant in GML 3.2, which GDAL before 3.11 does not read. Filters still compare
        # them as dates, since the database does.
        types = "".join(f'\n            "gml_{column}_type" "Character"' for column in DATES)
        return _LAYER.format(
            name=name,
            extra=extra,
            service=PG_SERVICE,
            schema=self.schema,
            view=view,
            srid=self.srid,
            metadata=self.about(about) + "".join(offered) + types + metadata,
        )


def _limit(keyword: str, denominator: float) -> str:
    return f"\n        {keyword} {denominator:.0f}" if denominator else ""


def _time(days: tuple[str, str] | None) -> str:
    if days is None:
        return ""
    return f"""
            "wms_timeitem" "vhr_date"
            "wms_timeextent" "{days[0]}/{days[1]}"
            "wms_timeformat" "YYYY-MM-DD\""""


def _quoted(text: str, key: str) -> str:
    if any(character in text for character in "\"'\\\n\r[]%"):
        raise ConfigError(f"{key}: {text!r} must be one line without quotes, backslashes, brackets and %")
    return f'"{text}"'


def _area_of_use(srid: int) -> tuple[float, float, float, float]:
    crs = CRS.from_epsg(srid)
    area = crs.area_of_use
    if area is None:
        raise ConfigError(f"database.srid: EPSG:{srid} has no area of use; use e.g. 3794 or 32633")
    return Transformer.from_crs(4326, crs, always_xy=True).transform_bounds(*area.bounds)


_MAP = """MAP
    NAME "sealwatch"
    SIZE 800 800
    MAXSIZE 4096
    EXTENT {extent}
    UNITS METERS
    PROJECTION
        "init=epsg:{srid}"
    END
    WEB
        METADATA{about}
            "ows_onlineresource" {url}
            "ows_enable_request" "*"
            "ows_sld_enabled" "false"
            "ows_updatesequence" "0"
            "wfs_namespace_prefix" "sealwatch"
            "wfs_namespace_uri" "urn:sealwatch"
            "wfs_getfeature_formatlist" "geojson"
            "wfs_compute_number_matched" "true"
            "wms_rootlayer_title" {title}
            "wms_feature_info_mime_type" "text/plain"
        END
    END
    OUTPUTFORMAT
        NAME "geojson"
        DRIVER "OGR/GEOJSON"
        MIMETYPE "application/json; subtype=geojson; charset=utf-8"
        FORMATOPTION "STORAGE=stream"
        FORMATOPTION "FORM=simple"
    END
{layers}
END
"""

_LAYER = """    LAYER
        NAME "{name}"{extra}
        TYPE POLYGON
        STATUS ON
        CONNECTIONTYPE POSTGIS
        CONNECTION "service={service}"
        PROCESSING "CLOSE_CONNECTION=DEFER"
        DATA "geom FROM (SELECT * FROM {schema}.{view} ORDER BY polygon_id) AS p \
USING UNIQUE polygon_id USING SRID={srid}"
        PROJECTION
            "init=epsg:{srid}"
        END
        METADATA{metadata}
            "gml_include_items" "all"
            "gml_featureid" "polygon_id"
            "gml_types" "auto"
            "gml_geometries" "geom"
            "gml_geom_type" "multipolygon"
            "wms_include_items" "all"
        END
        TEMPLATE "none"
        CLASS
            NAME "Newly sealed land"
            STYLE
                COLOR 214 39 40
                OPACITY 55
            END
            STYLE
                OUTLINECOLOR 140 0 0
                WIDTH 1.2
            END
        END
    END"""
