"""What each figure means, with its source; shown beside the figures and in docs/indicators.md."""

from __future__ import annotations

from dataclasses import dataclass

OLOFSSON = "Olofsson et al. 2014, doi 10.1016/j.rse.2014.02.015; docs/area_statement.md"
UN_HABITAT = (
    "UN-Habitat, metadata of SDG indicator 11.3.1, unstats.un.org/sdgs/metadata/files/Metadata-11-03-01.pdf, "
    "as repeated by others"
)
DIRECTIVE = (
    "Directive (EU) 2025/2360 (Soil Monitoring Law, OJ L, 26.11.2025), Annex I, soil sealing and soil removal "
    "indicators, as understood from public summaries, not from the text of the annex; check it before reporting"
)
CHANGE_RULE = "docs/change.md"
OUTLINES = "config/README.md, section Orthophotos"
OWN = "this project's own figure"

NOT_DEFINABLE = {
    "soil_removal": "no class of the maps tells removed soil from bare or sealed land",
    "settlement_area": "the maps show cover, not use; take it from the land-use register",
    "settlement_change": "the maps show cover, not use; take it from two years of the land-use register",
}
"""Indicators of the Directive that the data cannot give, with the reason."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Meaning of a figure and where the meaning comes from."""

    text: str
    source: str


DEFINITIONS = {
    "accuracy": Definition(
        "Areas are counted from maps. Some of what a map shows is wrong and some change is missing, so counted areas "
        "and percentages are not unbiased estimates; an accuracy statement made from a review sample is, with its 95 % "
        "interval, and `statement` points to it where one is configured.",
        OLOFSSON,
    ),
    "area.method": Definition(
        "Areas are those on the WGS 84 ellipsoid, in whole square metres: of parts of cells, the area in the plane of "
        "the UTM zone divided by the square of the scale at the cell's centre; of polygons, the area in the equal-area "
        "CRS EPSG:6933. Where UTM zones meet, a place counts in the zone whose central meridian is nearest.",
        OWN,
    ),
    "area.area": Definition(
        "The area of interest, or the part of it in the municipality. What lies in no municipality of the register is "
        "`outside any`; municipalities and that row add up to the whole exactly, for every area. Where municipalities "
        "cover each other, the first by name has the place.",
        OWN,
    ),
    "area.observed": Definition(
        "Cells, as far as they lie in the area of interest, that were seen in enough half-years to have a first state "
        "(`change.first_state`). Change can be found only there; percentages `of observed` divide by it.",
        CHANGE_RULE,
    ),
    "area.not_observed": Definition(
        "Part of the area of interest without a state, in which nothing can be found.", CHANGE_RULE
    ),
    "satellite.gross": Definition(
        "Area of the cells whose class changed to impervious (Highway, Industrial, Residential) and stayed so for "
        "`change.persistence` observed half-years, by the half-year in which the change starts. Cells count whole, as "
        "far as they lie in the area, though only part of the ground in them may be sealed; a later reversal "
        "takes nothing away.",
        CHANGE_RULE,
    ),
    "satellite.reverse": Definition(
        "Area of such cells that returned to another class and stayed so for as long, by the half-year in which the "
        "return starts. Land that was sealed when the series began and was unsealed later is not in it.",
        CHANGE_RULE,
    ),
    "satellite.net": Definition("Gross less reverse change.", OWN),
    "satellite.provisional": Definition(
        "Area of the cells with an open alert, by its first month. Not confirmed, and in no other figure.",
        CHANGE_RULE,
    ),
    "satellite.unsure": Definition(
        "Area of the cells that changed and stayed so, but whose impervious probability rose by less than "
        "`change.min_rise`. Not confirmed, and in no other figure of change.",
        CHANGE_RULE,
    ),
    "satellite.confirmable_halves": Definition(
        "How many half-years of the period can hold the start of a confirmed change: not those that establish the "
        "first state, nor the last `change.persistence` - 1. A year with 0 has no figure, one with 1 is not complete.",
        CHANGE_RULE,
    ),
    "outlines.gross": Definition(
        "Area of the polygons outlined on orthophotos below confirmed changes, by the half-year in which the change "
        "starts; a polygon across a border is divided. All candidates count, before review; releases hold what was "
        "accepted. There is no reverse or net figure: unsealed land is not outlined.",
        OUTLINES,
    ),
    "outlines.polygons": Definition(
        "Number of these polygons; one across a border counts in each municipality and once in the whole area.",
        OUTLINES,
    ),
    "stock.sealed": Definition(
        "Area of the cells whose class is impervious in the map of that half-year, counted whole. No persistence is "
        "asked for, so errors of single maps and seasons show.",
        CHANGE_RULE,
    ),
    "stock.observed": Definition("Area of the cells with a class in the map of that half-year.", CHANGE_RULE),
    "stock.not_observed": Definition(
        "Part of the area of interest without a class in the map of that half-year.", CHANGE_RULE
    ),
    "sdg.ratio": Definition(
        "SDG 11.3.1: land consumption rate over population growth rate, between the first and the last year with a "
        "population; negative where people leave. Null, with the reason, where a rate is undefined or the population "
        "did not change. "
        "Municipalities stand in for the urban areas that the indicator is defined for.",
        UN_HABITAT,
    ),
    "sdg.land_consumption_rate": Definition(
        "(V present - V past) / V past / T: yearly growth of sealed land as a share of that at the start, T in years.",
        UN_HABITAT,
    ),
    "sdg.population_growth_rate": Definition(
        "ln(population at the end / population at the start) / years, from the configured table.", UN_HABITAT
    ),
    "sdg.sealed": Definition(
        "Sealed land at the end of a year: cells whose confirmed state is sealed after the last half-year, less the "
        "net change confirmed since. Both years count the same cells, and growth equals the net change between them. "
        "Cells count whole, and stand for the built-up area of the indicator.",
        OWN,
    ),
    "sdg.sealed_per_person": Definition(
        "Sealed land at the end of the year over the population of that year.", UN_HABITAT
    ),
    "sdg.population": Definition(
        "People by the configured table; where it has no row for the whole area, the sum over all municipalities. Put "
        "numbers of 1 January under the year before: the land is that at the year's end.",
        OWN,
    ),
    "soil.sealed_soil": Definition(
        "Sealed soil at the end of the year, in km2 and per cent of the area of interest: as `sdg.sealed`.",
        DIRECTIVE,
    ),
    "soil.new_sealing": Definition(
        "Land sealed in the year: gross change of the satellite map, in km2 and per cent of the area of interest.",
        DIRECTIVE,
    ),
    "soil.de_sealing": Definition(
        "Land whose sealing was reversed in the year: reverse change of the satellite map, likewise.",
        DIRECTIVE,
    ),
    "soil.net_sealing": Definition("New sealing less de-sealing, likewise.", DIRECTIVE),
    "soil.average_net_sealing": Definition(
        "Net sealing of all half-years that can hold a confirmed change, by the number of years they make.",
        DIRECTIVE,
    ),
    "soil.soil_removal": Definition(
        f"Land from which soil was removed. Not given: {NOT_DEFINABLE['soil_removal']}.", DIRECTIVE
    ),
    "soil.settlement_area": Definition(
        f"Area used for settlements, with gardens and parks. Not given: {NOT_DEFINABLE['settlement_area']}.",
        DIRECTIVE,
    ),
    "soil.settlement_change": Definition(
        "Change of land use to and from settlement (land take), of which sealing is a part. Not given: "
        f"{NOT_DEFINABLE['settlement_change']}.",
        DIRECTIVE,
    ),
    "reconciliation.outlines_by_land_use": Definition(
        "Outlined land by the use that the register has for it; per cent of all outlined land. Where objects of the "
        "register cover each other, the first use by name has the place.",
        OWN,
    ),
    "reconciliation.outlines_counted_as_built": Definition(
        "Outlined land that the register already counts as built (`indicators.sealed_land_use`, or every use).",
        OWN,
    ),
    "reconciliation.outlines_not_counted_as_built": Definition(
        "Outlined land that the register does not count as built: not registered yet, of another use, or an error.",
        OWN,
    ),
    "reconciliation.register_built_observed": Definition(
        "Land that the register counts as built, as far as it lies on observed cells; objects that cover each other "
        "count once.",
        OWN,
    ),
    "reconciliation.register_built_on_sealed_cells": Definition(
        "Of that, what lies on cells whose state is sealed. A cell has one class and counts whole, a register has each "
        "house: the two are not the same measure, and sealed cells hold gardens as well.",
        OWN,
    ),
    "reconciliation.register_built_on_other_cells": Definition(
        "Of that, what lies on cells whose state is not sealed: mostly houses and roads too small for a cell.",
        OWN,
    ),
}
"""By key: `{source}.{figure}` of the rows in `report/indicators.json`."""

UNITS = {
    "_percent_of_observed": "% of the area observed",
    "_percent_of_area": "% of the area of interest",
    "_km2": "km2",
    "_m2": "m2",
    "_rate": "per year",
}
"""Unit of a column by its ending; others are numbers or shares."""

_ENDS = ("_from", "_to")
"""Columns of two years that share a definition."""


def unit_of(column: str) -> str:
    """Unit of a column, empty for counts and ratios."""
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), "")


def definition_of(source: str, column: str) -> str:
    """Key of the definition of a row's column."""
    stem = column
    for ending in UNITS:
        if stem.endswith(ending) and ending != "_rate":
            stem = stem.removesuffix(ending)
            break
    for ending in _ENDS:
        stem = stem.removesuffix(ending)
    return f"{source}.{stem}"


def texts() -> dict[str, str]:
    """Text and source of every definition by key."""
    return {key: f"{d.text} Source: {d.source}." for key, d in DEFINITIONS.items()}


def markdown() -> str:
    """The table of all definitions, as docs/indicators.md has it."""
    rows = [f"| `{key}` | {d.text} | {d.source} |" for key, d in DEFINITIONS.items()]
    return "\n".join(["| key | definition | source |", "|---|---|---|", *rows]) + "\n"
