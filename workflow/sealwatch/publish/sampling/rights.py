"""Rights on samples: who interprets sees places, never what the map says of them.

An interpreter reads no candidate either, since a unit that lies on one is a unit of stratum `change`. So the role is
not the reviewer's, and nobody should be granted both while a sample is open.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {interpreter}",
    "GRANT SELECT ON sample_open, unit_to_interpret, interpretation TO {interpreter}, {desk}",
    "GRANT INSERT (sample, unit, label, start_half, reviewer, reason) ON interpretation TO {interpreter}, {desk}",
    "GRANT SELECT ON sample, sample_stratum, sample_unit, sample_closing, interpretation TO {publisher}",
    "GRANT INSERT (sample, reason) ON sample_closing TO {publisher}",
)

_CLOSED = "FOR SELECT TO {publisher} USING (sample IN (SELECT c.sample FROM sample_closing c))"

_POLICIES = {
    "sample": {"closed": _CLOSED},
    "sample_stratum": {"closed": _CLOSED},
    "sample_unit": {"closed": _CLOSED},
    "interpretation": {
        "closed": _CLOSED,
        # Two interpreters are independent only if neither sees the other's labels.
        "own_rows": "FOR SELECT TO {interpreter} USING (reviewer = session_user)",
        "own_name": "FOR INSERT TO {interpreter} WITH CHECK (reviewer = session_user)",
        # The desk answers for its own accounts.
        "any_rows": "FOR SELECT TO {desk} USING (true)",
        "any_name": "FOR INSERT TO {desk} WITH CHECK (true)",
    },
}


def grant_sampling(connection: psycopg.Connection, schema: str, roles: Mapping[str, sql.Identifier]) -> None:
    """Give the roles their rights on the tables of samples in `schema`; `roles` are their names by ending."""
    for statement in _GRANTS:
        connection.execute(sql.SQL(statement).format(schema=sql.Identifier(schema), **roles))
    present = set(
        connection.execute(
            "SELECT tablename, policyname FROM pg_policies WHERE schemaname = %s", [schema]
        ).fetchall()
    )
    for table, policies in _POLICIES.items():
        missing = [name for name in policies if (table, name) not in present]
        if len(missing) == len(policies):
            connection.execute(
                sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(sql.Identifier(table))
            )
        for name in missing:
            policy = sql.SQL(f"CREATE POLICY {name} ON {table} {policies[name]}").format(**roles)
            connection.execute(policy)
