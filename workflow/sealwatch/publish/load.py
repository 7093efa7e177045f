"""Outlined polygons into PostGIS, keyed by their stable ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import shapely
from psycopg import sql

from ..errors import VectorError
from ..files import value_digest, write_json
from ..keys import sheet_key, split_sheet_key
from ..progress import track
from ..vectors import read_vector
from .database import connect
from .geometries import copy_rows, ewkb_hex, polygonal
from .migrate import migrate

LAYER = "newly_sealed"

COLUMNS = (
    "polygon_id",
    "sheet",
    "year",
    "flight_date",
    "earlier_flight_date",
    "event_id",
    "from_class",
    "to_class",
    "start_half",
    "confirm_half",
    "event_confidence",
    "probability",
    "area_m2",
    "earlier_known",
)
"""Attributes of an outline file, in the order of the table's columns."""

_JUDGED = ("event_id", "from_class", "to_class", "start_half")
_CHANGEABLE = (*COLUMNS[3:], "evidence", "geom")


def load(
    outlines: Sequence[str | Path],
    target: str | Path,
    settings: Mapping[str, Any],
    review: Mapping[str, Any] | None = None,
) -> None:
    """Bring the tables in step with all outline files; a sheet without a change is not touched.

    Each sheet is one transaction. Polygons that a rebuilt sheet no longer has, or whose sheet is no longer
    outlined, are marked withdrawn; no row is deleted, so every decision on them stays. The database itself
    finds, in the same transaction, the decisions whose evidence has changed.

    Args:
        outlines: every file `outline/{sheet}_{year}.gpkg` (layer `newly_sealed`, any CRS).
        target: JSON file that takes the number of polygons and the content digest of every sheet.
        settings: section `database` of the configuration.
        review: section `review` of the configuration: `area_change_share`, `four_eyes`; None keeps the rules
            the database has.

    Raises:
        VectorError: a file lacks a field, has an empty one, or repeats an id.
        DatabaseError: the database is out of reach.
    """
    migrate(settings)
    sheets: dict[str, dict[str, Any]] = {}
    with connect(settings) as connection:
        if review is not None:
            _set_rules(connection, review)
        for path in track(sorted(map(Path, outlines)), "sheets loaded"):
            frame = read_outlines(path)
            digest = _content_digest(frame)
            sheets[path.stem] = {"digest": digest, "polygons": len(frame)}
            with connection.transaction():
                _load_sheet(connection, path, frame, digest, settings["srid"])
        with connection.transaction():
            _withdraw_other_sheets(connection, sheets)
    write_json(target, {"sheets": sheets, "polygons": sum(s["polygons"] for s in sheets.values())})


def _set_rules(connection: psycopg.Connection, review: Mapping[str, Any]) -> None:
    rules = [review["area_change_share"], review["four_eyes"]]
    connection.execute(
        "UPDATE review_rule SET area_change_share = %s, four_eyes = %s "
        "WHERE (area_change_share, four_eyes) IS DISTINCT FROM (%s, %s)",
        [*rules, *rules],
    )


def read_outlines(path: Path) -> gpd.GeoDataFrame:
    """The outlines of one orthophoto, sorted by id, with the fields of `COLUMNS` and a column `evidence`.

    Raises:
        VectorError: a field is missing or empty, an id occurs twice, or sheet and year are not the file's.
    """
    frame = read_vector(path, LAYER, COLUMNS)
    for name in COLUMNS:
        if name != "earlier_flight_date" and frame[name].isna().any():
            raise VectorError(f"{path}: field {name} is empty in a polygon; delete the file and run again")
    if frame["polygon_id"].duplicated().any():
        twice = frame.loc[frame["polygon_id"].duplicated(), "polygon_id"].iloc[0]
        raise VectorError(f"{path}: polygon_id {twice} occurs twice")
    sheet, year = split_sheet_key(path.stem)
    if ((frame["sheet"] != sheet) | (frame["year"].astype(str) != year)).any():
        raise VectorError(f"{path}: fields sheet and year are not those of the file's name")
    frame["earlier_flight_date"] = frame["earlier_flight_date"].fillna("")
    frame = frame.sort_values("polygon_id", ignore_index=True)
    epsg = frame.crs.to_epsg()
    # In the sheet's own CRS and to the millimetre, so that another PROJ version is no new evidence.
    places = shapely.to_wkb(shapely.set_precision(frame.geometry.values, 0.001, mode="pointwise"), hex=True)
    judged = frame[list(_JUDGED)].astype(str).to_numpy()
    frame["evidence"] = [
        value_digest([epsg, place, *row]) for place, row in zip(places, judged.tolist(), strict=True)
    ]
    return frame


def _content_digest(frame: gpd.GeoDataFrame) -> str:
    rows = frame[[*COLUMNS, "evidence"]].astype(str).to_numpy().tolist()
    return value_digest(rows)


def _load_sheet(
    connection: psycopg.Connection, path: Path, frame: gpd.GeoDataFrame, digest: str, srid: int
) -> None:
    sheet, year = split_sheet_key(path.stem)
    done = connection.execute(
        "SELECT digest FROM sheet_load WHERE sheet = %s AND year = %s FOR UPDATE", [sheet, int(year)]
    ).fetchone()
    if done and done[0] == digest:
        return
    # In the order in which decisions lock them, so that the two cannot wait for each other.
    connection.execute(
        "SELECT 1 FROM polygon WHERE sheet = %s AND year = %s ORDER BY polygon_id FOR NO KEY UPDATE",
        [sheet, int(year)],
    )
    connection.execute("CREATE TEMP TABLE incoming (LIKE polygon INCLUDING DEFAULTS) ON COMMIT DROP")
    columns = (*COLUMNS, "evidence", "geom")
    copy_rows(connection, "incoming", columns, _rows(path, frame, srid))
    clash = connection.execute(
        "SELECT p.polygon_id, p.sheet, p.year FROM polygon p JOIN incoming i USING (polygon_id) "
        "WHERE (p.sheet, p.year) <> (i.sheet, i.year) LIMIT 1"
    ).fetchone()
    if clash:
        raise VectorError(f"{path}: polygon_id {clash[0]} belongs to {sheet_key(clash[1], clash[2])} already")
    connection.execute(_UPSERT)
    connection.execute(
        "UPDATE polygon SET withdrawn = true, changed_at = now() WHERE sheet = %s AND year = %s "
        "AND NOT withdrawn AND polygon_id NOT IN (SELECT polygon_id FROM incoming)",
        [sheet, int(year)],
    )
    connection.execute(
        "INSERT INTO sheet_load (sheet, year, digest, polygons) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (sheet, year) DO UPDATE "
        "SET digest = excluded.digest, polygons = excluded.polygons, loaded_at = now()",
        [sheet, int(year), digest, len(frame)],
    )
    print(f"{path.stem}: {len(frame)} polygons", flush=True)


_UPSERT = sql.SQL(
    "INSERT INTO polygon ({columns}) SELECT {columns} FROM incoming ON CONFLICT (polygon_id) DO UPDATE "
    "SET {updates}, withdrawn = false, changed_at = now() "
    "WHERE polygon.withdrawn OR ({old}) IS DISTINCT FROM ({new})"
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, (*COLUMNS, "evidence", "geom"))),
    updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in _CHANGEABLE),
    old=sql.SQL(", ").join(sql.Identifier("polygon", c) for c in _CHANGEABLE),
    new=sql.SQL(", ").join(sql.Identifier("excluded", c) for c in _CHANGEABLE),
)


def _rows(path: Path, frame: gpd.GeoDataFrame, srid: int) -> list[list[Any]]:
    shapes = polygonal(frame.to_crs(srid).geometry.values)
    empty = frame["polygon_id"][shapely.is_missing(shapes)]
    if len(empty):
        raise VectorError(f"{path}: polygon {empty.iloc[0]} has no area; delete the file and run again")
    rows = frame[[*COLUMNS, "evidence"]].astype(object).to_numpy().tolist()
    earlier = COLUMNS.index("earlier_flight_date")
    for row, geom in zip(rows, ewkb_hex(shapes, srid).tolist(), strict=True):
        row[earlier] = row[earlier] or None
        row.append(geom)
    return rows


def _withdraw_other_sheets(connection: psycopg.Connection, sheets: Mapping[str, Any]) -> None:
    gone = connection.execute(
        "DELETE FROM sheet_load WHERE sheet || '_' || year <> ALL(%s) RETURNING sheet, year", [list(sheets)]
    ).fetchall()
    for sheet, year in gone:
        connection.execute(
            "UPDATE polygon SET withdrawn = true, changed_at = now() "
            "WHERE sheet = %s AND year = %s AND NOT withdrawn",
            [sheet, year],
        )
        print(f"{sheet_key(sheet, year)}: no longer outlined, its polygons are withdrawn")
