"""A country's worth of candidates, made in the database."""

import psycopg
from psycopg import sql

from sealwatch.publish.migrate import migrate


def fill(database: dict, count: int) -> None:
    """Migrate an empty database and put `count` squares of 20 m into it, 500 to a sheet, in 50 km by 50 km.

    A tenth is decided on: accepted, and of these a tenth changed since.
    """
    migrate(database)
    with psycopg.connect(database["dsn"], autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(database["schema"])))
        connection.execute(
            "INSERT INTO polygon SELECT format('S%%s-2024-%%s', lpad((n / 500)::text, 4, '0'), lpad(n::text, 7, '0')), "
            "'S' || lpad((n / 500)::text, 4, '0'), 2024, '2024-05-12', '2021-06-01', "
            "format('32633-%%s-7-2022H1', n), 'Forest', 'Residential', '2022H1', '2023H1', 0.8, 0.9, 400, "
            "'sha256:' || md5(n::text), false, now(), "
            "ST_Multi(ST_MakeEnvelope(x, y, x + 20, y + 20, %s)), 0.5 "
            "FROM (SELECT n, 450000 + (n %% 316) * 158 AS x, 80000 + (n / 316) * 158 AS y "
            "FROM generate_series(0, %s - 1) n) s",
            [database["srid"], count],
        )
        connection.execute(
            "INSERT INTO review (polygon_id, state, reviewer) SELECT polygon_id, 'accepted', 'ana' FROM polygon "
            "WHERE right(polygon_id, 1) = '0' ORDER BY polygon_id"
        )
        connection.execute(
            "UPDATE polygon SET evidence = evidence || 'b', start_half = '2023H1' WHERE right(polygon_id, 2) = '00'"
        )
        connection.execute("VACUUM ANALYZE")
