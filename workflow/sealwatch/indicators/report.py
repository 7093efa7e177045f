"""All indicators of a run, as JSON and as a long table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import VectorError
from ..files import write_json, write_text
from ..hdf5 import read
from ..sentinel2.area import read_zone_grid
from .apportion import divide_cells
from .areas import Regions, own_area, read_field, read_regions
from .definitions import DEFINITIONS, definition_of, texts, unit_of
from .outlines import Outlined, count_outlines, read_outlines
from .population import WHOLE as WHOLE_POPULATION
from .population import Population, people, read_population
from .reconciliation import ZoneState, reconcile
from .satellite import Satellite, ZoneFiles, count_zone
from .sdg import ratio_row
from .soil import soil_rows
from .tables import OUTSIDE, WHOLE, Periods, place_rows, sealed_at_end

TABLES = ("national", "municipalities", "sdg_11_3_1", "soil", "reconciliation")
"""Tables of the JSON file, in the order of the long one."""

COLUMNS = ("indicator", "place", "period", "value", "unit", "definition")
"""Columns of the long table."""

_KEYS = ("source", "place", "period", "register", "figure", "land_use", "indicator", "definition", "reason")
"""Columns of a row that say what it is about; the others are figures."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the indicators need of the configuration.

    Attributes:
        area_of_interest: its vector file.
        registries: section `registries`.
        population: table of population, or None.
        sealed_land_use: values of the land-use register that count as built; empty for all.
        statement: `statement.json` of a review sample, or None.
        first_state, persistence, min_rise: keys of section `change`.
    """

    area_of_interest: str
    registries: Mapping[str, Mapping[str, Any]]
    population: str | None
    sealed_land_use: Sequence[str]
    statement: str | None
    first_state: int
    persistence: int
    min_rise: float


def write_indicators(
    zones: Sequence[ZoneFiles],
    outlines: Sequence[str | Path],
    settings: Settings,
    target: str | Path,
    table: str | Path,
) -> dict[str, Any]:
    """Compute all indicators and write them.

    Args:
        zones: products of every zone, with the same half-years.
        outlines: outline GeoPackages.
        settings: of the configuration.
        target: JSON file: `periods`, the tables of `TABLES`, `definitions`, `statement`.
        table: CSV file, one row for each figure, `COLUMNS`.

    Returns:
        What the JSON file holds.

    Raises:
        RasterError, VectorError: a file cannot be read, or does not fit the others.
    """
    found = _computed(zones, outlines, settings)
    write_json(target, found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(long_rows(found))
    write_text(table, text.getvalue())
    return found


def _computed(
    zones: Sequence[ZoneFiles], outlines: Sequence[str | Path], settings: Settings
) -> dict[str, Any]:
    import geopandas as gpd

    name, source = _first_of_kind(settings.registries, "municipality")
    regions = read_regions(name, source) if source else Regions((), gpd.GeoSeries([], crs=4326))
    population = (
        read_population(settings.population, regions.names) if settings.population is not None else {}
    )
    satellite, states = _count(zones, regions, settings)
    halves = [path.stem for path in zones[0].halves]
    periods = Periods.of(halves, settings.first_state, settings.persistence)
    drawn = read_outlines(outlines)
    outlined = count_outlines(drawn, regions, halves)
    whole = _whole(satellite)
    total = Outlined(outlined.area_m2.sum(axis=0), outlined.all_polygons, outlined.all_polygons)
    places = [*regions.names, OUTSIDE] if regions.names else []
    by_place = [
        place_rows(place, _at(satellite, n), _outlined_at(outlined, n), periods)
        for n, place in enumerate(places)
    ]
    ends = periods.known_ends(settings.first_state)
    reconciliation = [
        row
        for register, entry in sorted(settings.registries.items())
        if entry.get("kind") == "land_use"
        for row in reconcile(register, read_field(register, entry), settings.sealed_land_use, drawn, states)
    ]
    return {
        "periods": [period for period, _ in periods.spans()],
        "halves": halves,
        "national": place_rows(WHOLE, whole, total, periods),
        "municipalities": [row for rows in by_place for row in rows],
        "sdg_11_3_1": _sdg_rows(population, regions.names, satellite, whole, periods, ends),
        "soil": soil_rows(whole, periods, ends),
        "reconciliation": reconciliation,
        "definitions": texts(),
        "statement": _statement(settings.statement),
    }


def _first_of_kind(registries: Mapping[str, Mapping[str, Any]], kind: str) -> tuple[str, Mapping[str, Any]]:
    found = [(name, entry) for name, entry in sorted(registries.items()) if entry.get("kind") == kind]
    return found[0] if found else ("", {})


def _count(
    zones: Sequence[ZoneFiles], regions: Regions, settings: Settings
) -> tuple[Satellite, list[ZoneState]]:
    """Areas of all zones, whole square metres, and the state of their cells."""
    found: Satellite | None = None
    states = []
    windows = [read_zone_grid(zone.grid)[0] for zone in zones]
    for zone, window in zip(zones, windows, strict=True):
        area = own_area(settings.area_of_interest, window.epsg, [w.epsg for w in windows])
        pieces = divide_cells(window, area, list(regions.shapes.to_crs(window.epsg).make_valid()))
        counted = count_zone(zone, pieces, len(regions.names), settings.min_rise)
        found = counted if found is None else found + counted
        with read(zone.change) as file:
            states.append(ZoneState(window, area, file["state"][:].ravel()))
    assert found is not None
    return found.rounded(), states


def _at(satellite: Satellite, place: int) -> Satellite:
    return Satellite(*(getattr(satellite, field.name)[place] for field in fields(satellite)))


def _whole(satellite: Satellite) -> Satellite:
    return Satellite(*(getattr(satellite, field.name).sum(axis=0) for field in fields(satellite)))


def _outlined_at(outlined: Outlined, place: int) -> Outlined:
    return Outlined(outlined.area_m2[place], outlined.polygons[place], outlined.all_polygons)


def _sdg_rows(
    population: Population,
    names: Sequence[str],
    satellite: Satellite,
    whole: Satellite,
    periods: Periods,
    ends: Sequence[int],
) -> list[dict[str, Any]]:
    """The indicator of the whole area and of each municipality; none without a population table."""
    if not population:
        return []
    places = [(WHOLE, WHOLE_POPULATION, whole), *((n, n, _at(satellite, i)) for i, n in enumerate(names))]
    return [
        {
            "source": "sdg",
            "place": place,
            **ratio_row(
                lambda year, part=part: sealed_at_end(part, year, periods),  # type: ignore[misc]
                lambda year, key=key: people(population, key, year, names),  # type: ignore[misc]
                ends,
            ),
        }
        for place, key, part in places
    ]


def _statement(path: str | None) -> dict[str, Any] | None:
    """What to read beside counted areas: the statement's file and its estimate of the area of change."""
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        area = found["areas_km2"]["change"]
        return {
            "file": Path(path).name,
            **{f"{key}_km2": area[key] for key in ("value", "low", "high", "mapped")},
            "definition": "accuracy",
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VectorError(
            f"indicators.statement: {path}: is no statement.json of a review sample ({error!r}); write it with "
            "python -m sealwatch.publish.sampling statement"
        ) from error


def long_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any, str, str]]:
    """Every figure of the tables as a row of `COLUMNS`; figures that are not defined have no value."""
    for name in TABLES:
        for row in found[name]:
            source = row["source"]
            place = row.get("place") or " / ".join(filter(None, (row.get("register"), row.get("land_use"))))
            period = row.get("period") or _years(row)
            for column, value in row.items():
                if column in _KEYS or column in ("from_year", "to_year"):
                    continue
                key = row.get("definition") or definition_of(source, column)
                indicator = f"{source}.{row.get('indicator') or row.get('figure') or ''}.{column}".replace(
                    "..", "."
                )
                unit = unit_of(column) or ("%" if column == "percent" else "")
                assert key in DEFINITIONS, key
                yield indicator, place or WHOLE, period, "" if value is None else value, unit, key


def _years(row: Mapping[str, Any]) -> str:
    return f"{row['from_year']}-{row['to_year']}" if row.get("from_year") else ""
