"""What a release changes against the one before: numbers, areas and ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from .public import ATTRIBUTES

LISTED = 100
"""Most ids that a changelog lists of one kind; the release itself holds them all."""

_COMPARE = """
WITH new AS (SELECT polygon_id, area_m2, geom, {attributes} AS a FROM frozen p),
     old AS (SELECT polygon_id, area_m2, geom, {attributes} AS a FROM release_polygon p WHERE release = %s)
SELECT polygon_id, o.area_m2, n.area_m2, coalesce(ST_AsBinary(o.geom) <> ST_AsBinary(n.geom), false),
       ARRAY(SELECT key FROM jsonb_each(o.a) x JOIN jsonb_each(n.a) y USING (key)
             WHERE x.value <> y.value AND key = ANY(%s) ORDER BY key)
FROM new n FULL JOIN old o USING (polygon_id)
WHERE n.a IS DISTINCT FROM o.a OR ST_AsBinary(o.geom) <> ST_AsBinary(n.geom)
ORDER BY polygon_id COLLATE "C"
"""
_NESTED = """
(SELECT coalesce(jsonb_object_agg('distance_' || key || '_m', value), '{}') FROM jsonb_each(p.distances)) ||
(SELECT coalesce(jsonb_object_agg('overlap_' || key || '_share', value), '{}') FROM jsonb_each(p.overlap_shares))
"""
_TOTAL = "SELECT count(*), coalesce(sum(area_m2), 0) FROM {} WHERE {}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Frozen polygons against an earlier release; areas in square metres."""

    before: int
    """The earlier release; 0 where there is none."""
    totals: tuple[tuple[int, float], tuple[int, float]]
    """Polygons and area, before and now."""
    added: list[tuple[str, float]]
    removed: list[tuple[str, float]]
    redrawn: list[tuple[str, float, float]]
    """Polygons with another outline, their area before and now."""
    altered: list[tuple[str, list[str]]]
    """Polygons, redrawn or not, with other attributes, and which."""
    columns: tuple[list[str], list[str]]
    """Attributes that all polygons lost and got."""

    def line(self) -> str:
        """The comparison in one line."""
        if not self.before:
            return f"first release: {_amount(*self.totals[1])}"
        return (
            f"{_amount(*_sum(self.added))} added, {_amount(*_sum(self.removed))} removed, {len(self.redrawn)} redrawn, "
            f"{len(self.altered)} with other attributes; now {_amount(*self.totals[1])}"
        )


def compare(connection: psycopg.Connection, before: int, columns: Sequence[str]) -> Comparison:
    """Compare table `frozen` with release `before`, in the attributes both have.

    Args:
        connection: connection inside the transaction that filled `frozen`.
        before: number of the earlier release, 0 for none.
        columns: attributes of the release to be.
    """
    now = connection.execute(_TOTAL.format("frozen", "true").encode()).fetchone() or (0, 0.0)
    if not before:
        return Comparison(0, ((0, 0.0), now), [], [], [], [], ([], []))
    then = connection.execute(_TOTAL.format("release_polygon", "release = %s").encode(), [before]).fetchone()
    earlier = connection.execute("SELECT columns FROM release WHERE release = %s", [before]).fetchone()
    assert then is not None
    assert earlier is not None
    lost = [name for name in earlier[0] if name not in columns]
    got = [name for name in columns if name not in earlier[0]]
    # The area follows from the outline, which is told apart.
    shared = [name for name in columns if name not in (*got, "area_m2")]
    attributes = sql.SQL("jsonb_build_object({}) || {}").format(
        sql.SQL(", ").join(
            part for name in ATTRIBUTES for part in (sql.Literal(name), sql.Identifier("p", name))
        ),
        sql.SQL(_NESTED),
    )
    rows = connection.execute(sql.SQL(_COMPARE).format(attributes=attributes), [before, shared]).fetchall()
    both = [row for row in rows if row[1] is not None and row[2] is not None]
    return Comparison(
        before,
        (then, now),
        [(name, new) for name, old, new, *_ in rows if old is None],
        [(name, old) for name, old, new, *_ in rows if new is None],
        [(name, old, new) for name, old, new, redrawn, _ in both if redrawn],
        [(name, keys) for name, *_, keys in both if keys],
        (lost, got),
    )


def changelog(found: Comparison, number: int, date: str) -> str:
    """Text of CHANGELOG.md.

    Args:
        found: the comparison with the release before.
        number: number of the release.
        date: its day, ISO 8601.
    """
    lines = [f"# Release {number}, {date}", ""]
    if not found.before:
        return "\n".join([*lines, f"First release: {_amount(*found.totals[1])}.", ""])
    lines += [
        f"Against release {found.before}:",
        "",
        "| | polygons | area |",
        "|---|---:|---:|",
        *(
            f"| {title} | {count} | {_area(area)} |"
            for title, (count, area) in (
                (f"release {found.before}", found.totals[0]),
                ("added", _sum(found.added)),
                ("removed", _sum(found.removed)),
                ("redrawn, change of area", _sum([(name, new - old) for name, old, new in found.redrawn])),
                (f"release {number}", found.totals[1]),
            )
        ),
        "",
    ]
    for title, names in zip(("Attributes gone", "New attributes"), found.columns, strict=True):
        lines += [f"{title}: {', '.join(names)}.", ""] if names else []
    counts = Counter(key for _, keys in found.altered for key in keys)
    if counts:
        changed = ", ".join(f"{key} of {count}" for key, count in sorted(counts.items()))
        lines += [f"Other values: {changed}.", ""]
    lines += _listed("Added", [f"{name}: {_area(area)}" for name, area in found.added])
    lines += _listed("Removed", [f"{name}: {_area(area)}" for name, area in found.removed])
    lines += _listed(
        "Redrawn", [f"{name}: {_area(old)}, now {_area(new)}" for name, old, new in found.redrawn]
    )
    lines += _listed("Other attributes", [f"{name}: {', '.join(keys)}" for name, keys in found.altered])
    return "\n".join(lines)


def _listed(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    more = [f"- and {len(entries) - LISTED} more"] if len(entries) > LISTED else []
    return [f"## {title}", "", *(f"- {entry}" for entry in entries[:LISTED]), *more, ""]


def _sum(entries: Sequence[tuple[str, float]]) -> tuple[int, float]:
    return len(entries), sum(area for _, area in entries)


def _amount(count: int, area_m2: float) -> str:
    return f"{count} polygon{'' if count == 1 else 's'} ({_area(area_m2)})"


def _area(area_m2: float) -> str:
    return f"{area_m2 / 1e4:.2f} ha" if abs(area_m2) >= 1e4 else f"{area_m2:.0f} m2"
