"""The mapfile: the current release as WFS 2.0, 1.1 and 1.0, WMS and GeoJSON by MapServer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyproj import CRS, Transformer

from ..errors import ConfigError
from ..files import write_text
from .migrate import migrate
from .public import DATES, LAYER, public_schema
from .server import PATH, PG_SERVICE


def make_service(target: str | Path, services: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Make the public views ready and write the mapfile that serves it.

    Args:
        target: mapfile.
        services: section `services` of the configuration: `title`, `abstract`, `host`, `port`, `srs`.
        settings: section `database` of the configuration.

    Raises:
        ConfigError: a text or CRS of `services` cannot be used.
        DatabaseError: the database is out of reach.
    """
    migrate(settings)
    write_text(target, mapfile(services, settings))


def service_url(services: Mapping[str, Any]) -> str:
    """Address of the service, e.g. `http://127.0.0.1:8080/ows`."""
    return f"http://{services['host']}:{services['port']}{PATH}"


def mapfile(services: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Text of the mapfile; it names a libpq service and so holds neither host, user nor password.

    The sub-select is ordered by the key: without that, pages of a large answer overlap and lose features.
    """
    srid = settings["srid"]
    schema = public_schema(settings["schema"])
    title = _quoted(services["title"], "services.title")
    abstract = _quoted(services["abstract"], "services.abstract")
    extent = " ".join(f"{value:.0f}" for value in _area_of_use(srid))
    srs = _quoted(" ".join(dict.fromkeys([f"EPSG:{srid}", *services["srs"]])), "services.srs")
    # In GML 3.2 MapServer wraps a date in a time instant, whose content GDAL takes for a field of another name.
    dates = "".join(f'\n            "gml_{name}_type" "Character"' for name in DATES)
    url = _quoted(service_url(services) + "?", "services.host")
    about = f"""
            "ows_title" {title}
            "ows_abstract" {abstract}
            "ows_keywordlist" "Land cover,Land use,Soil,soil sealing"
            "ows_fees" "no conditions apply"
            "ows_accessconstraints" "no limitations"
            "ows_srs" {srs}"""
    return f"""MAP
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
            "ows_updatesequence" "0"
            "wfs_namespace_prefix" "sealwatch"
            "wfs_namespace_uri" "urn:sealwatch"
            "wfs_getfeature_formatlist" "geojson"
            "wfs_compute_number_matched" "true"
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
    LAYER
        NAME "{LAYER}"
        TYPE POLYGON
        STATUS ON
        CONNECTIONTYPE POSTGIS
        CONNECTION "service={PG_SERVICE}"
        PROCESSING "CLOSE_CONNECTION=DEFER"
        DATA "geom FROM (SELECT * FROM {schema}.{LAYER} ORDER BY polygon_id) AS p \
USING UNIQUE polygon_id USING SRID={srid}"
        PROJECTION
            "init=epsg:{srid}"
        END
        METADATA{about}
            "gml_include_items" "all"
            "gml_featureid" "polygon_id"
            "gml_types" "auto"{dates}
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
    END
END
"""


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
