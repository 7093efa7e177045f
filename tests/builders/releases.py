"""Releases of generated polygons, written straight into the tables: as many as a load or paging test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sealwatch.publish.database import connect
from sealwatch.publish.migrate import migrate
from sealwatch.publish.public import publish_views, published_columns

X_MIN, Y_MIN, STEP_M = 460_000, 100_000, 40
"""Corner in EPSG:3794 and distance of the squares, in metres."""

_ROWS = """
INSERT INTO release_polygon (release, polygon_id, sheet, vhr_date, vhr_date_before, period_of_change,
    period_confirmed, change_start, change_end, transition, from_class, to_class, area_m2, distances, overlap_shares,
    land_use_before, municipality, probability, event_id, event_confidence, geom)
SELECT %(release)s, 'S' || lpad((i %% 50)::text, 2, '0') || '-2024-' || lpad(i::text, 7, '0'),
    'S' || lpad((i %% 50)::text, 2, '0'), make_date(2022 + i %% 3, 5, 12),
    CASE i %% 5 WHEN 0 THEN '' ELSE '2019-06-01' END, '2022H1', '2023H1', '2022-01-01', '2023-06-30',
    f || ' to Residential', f, 'Residential', 400 + i %% 100,
    (SELECT jsonb_object_agg(r, round((i %% 5000)::numeric / 7, 2)) FROM unnest(%(registries)s::text[]) r),
    (SELECT jsonb_object_agg(r, (i %% 4) / 4.0) FROM unnest(%(registries)s::text[]) r),
    'meadow', 'Kranj', 0.6 + (i %% 40) / 100.0, '32633-' || i || '-7-2022H1', 0.8,
    ST_Multi(ST_MakeEnvelope(x, y, x + 20, y + 20 + (i %% 100) / 20.0, %(srid)s))
FROM generate_series(1, %(count)s + %(count)s / 6 + 1) i
CROSS JOIN LATERAL (SELECT (ARRAY['Forest', 'Pasture', 'AnnualCrop'])[1 + i %% 3] AS f,
    %(x)s + %(step)s * (i %% %(edge)s) AS x, %(y)s + %(step)s * (i / %(edge)s) AS y) place
WHERE i %% 7 <> %(release)s %% 7 ORDER BY i LIMIT %(count)s
"""


def publish_rows(
    settings: Mapping[str, Any], count: int, registries: Sequence[str] = ("cadastre", "land_use")
) -> int:
    """Make the next release of `count` squares; each release lacks other ones than the release before.

    Args:
        settings: section `database` of the configuration, of an account that owns the tables.
        count: number of polygons.
        registries: those whose distances and overlaps the rows have.

    Returns:
        Number of the release.
    """
    migrate(settings)
    tolerances = [float(value) for value in settings.get("generalise_m", ())]
    with connect(settings) as connection, connection.transaction():
        found = connection.execute("SELECT coalesce(max(release), 0) + 1 FROM release").fetchone()
        release = found[0] if found else 1
        connection.execute(
            "INSERT INTO release (release, digest, polygons, registries, columns, generalise_m, about, changes, "
            "changelog) VALUES (%s, %s, %s, %s, %s, %s, '{}', 'generated', '')",
            [release, str(release), count, list(registries), published_columns(registries), tolerances],
        )
        values = {
            "release": release,
            "registries": list(registries),
            "srid": settings["srid"],
            "count": count,
            "x": X_MIN,
            "y": Y_MIN,
            "step": STEP_M,
            "edge": max(1, int((count * 7 / 6) ** 0.5)),
        }
        connection.execute(_ROWS, values)
        connection.execute(
            "INSERT INTO release_generalised (release, tolerance_m, polygon_id, geom) SELECT release, t, polygon_id, "
            "ST_Multi(ST_Envelope(geom)) FROM release_polygon CROSS JOIN unnest(%s::float8[]) t WHERE release = %s",
            [tolerances, release],
        )
        publish_views(connection, settings)
    with connect(settings) as connection:
        connection.execute("ANALYZE release_polygon")
    return release
