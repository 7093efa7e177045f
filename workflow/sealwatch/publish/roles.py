"""Roles with least privilege: what a service, a reviewer, the review desk and a publisher may do, and no more.

The roles cannot sign in; an administrator grants them to accounts, e.g. `GRANT sealwatch_reviewer TO ana`. The
account that runs the workflow owns the tables and needs none of them.
"""

from __future__ import annotations

import sys

import psycopg
from psycopg import sql

from .database import identifier
from .sampling.rights import grant_sampling

ROLES = ("reader", "reviewer", "desk", "publisher", "interpreter")
"""Endings of the roles' names; the schema is their beginning."""

_DECISION = "polygon_id, state, reviewer, reason, correction, corrected_geom, evidence, undoes"
_REVIEWED = (
    "polygon, polygon_version, review, decision, review_rule, verdict, verdict_tally, standing, re_review, registry, "
    "registry_polygon, registry_distance, enrichment, polygon_generalised, release, release_polygon, schema_version"
)
_RELEASED = (
    "standing, registry, registry_distance, enrichment, polygon_generalised, release, release_polygon, "
    "schema_version"
)

_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {reader}, {reviewer}, {desk}, {publisher}",
    f"GRANT SELECT ON {_REVIEWED} TO {{reviewer}}, {{desk}}",
    f"GRANT INSERT ({_DECISION}) ON review TO {{reviewer}}, {{desk}}",
    "GRANT SELECT ON review_form, registry_shape TO {reviewer}",
    "GRANT UPDATE (decision, ground, remark, from_class, to_class, start_half, geom) ON review_form TO {reviewer}",
    "GRANT SELECT ON desk_account TO {desk}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON desk_session TO {desk}",
    "GRANT SELECT, INSERT, DELETE ON desk_attempt TO {desk}",
    f"GRANT SELECT ON {_RELEASED} TO {{publisher}}",
    "GRANT INSERT ON release, release_polygon TO {publisher}",
    "GRANT CREATE ON SCHEMA {schema} TO {publisher}",
)

_POLICIES = {
    "read": "FOR SELECT TO {reviewer}, {desk} USING (true)",
    # A person signed in to the database decides under that name; the desk answers for its own accounts.
    "own_name": "FOR INSERT TO {reviewer} WITH CHECK (reviewer = session_user)",
    "any_name": "FOR INSERT TO {desk} WITH CHECK (true)",
}


def role(schema: str, ending: str) -> str:
    """Name of a role, e.g. `sealwatch_reader`."""
    return f"{identifier(schema, 'database.schema')}_{ending}"


def grant_roles(connection: psycopg.Connection, schema: str) -> bool:
    """Create the roles where they are missing and give them their rights on the tables of `schema`.

    Returns:
        False, with a note on standard error, when the roles are missing and this account may not create them;
        the tables then belong to their owner alone.
    """
    names = {ending: sql.Identifier(role(schema, ending)) for ending in ROLES}
    try:
        with connection.transaction():
            for ending in ROLES:
                _create(connection, role(schema, ending))
    except psycopg.errors.InsufficientPrivilege:
        print(
            f"roles {', '.join(role(schema, ending) for ending in ROLES)} are missing: let an administrator create "
            "them (CREATE ROLE ... NOLOGIN) and grant the publisher's to this account, then run again",
            file=sys.stderr,
        )
        return False
    for statement in _GRANTS:
        connection.execute(sql.SQL(statement).format(schema=sql.Identifier(schema), **names))
    present = {row[0] for row in connection.execute("SELECT policyname FROM pg_policies WHERE tablename = 'review' "
                                                    "AND schemaname = %s", [schema])}  # fmt: skip
    if not present:
        connection.execute("ALTER TABLE review ENABLE ROW LEVEL SECURITY")
    for name, text in _POLICIES.items():
        if name not in present:
            connection.execute(sql.SQL(f"CREATE POLICY {name} ON review {text}").format(**names))
    grant_sampling(connection, schema, names)
    grant_published(connection, schema)
    return True


def grant_published(connection: psycopg.Connection, schema: str) -> None:
    """Let the services read view `published`, where view and roles exist, and the publisher replace it."""
    found = connection.execute(
        "SELECT pg_get_userbyid(relowner) FROM pg_class JOIN pg_roles ON rolname = %s "
        "WHERE relnamespace = %s::regnamespace AND relname = 'published'",
        [role(schema, "reader"), schema],
    ).fetchone()
    if found is None:
        return
    publisher = role(schema, "publisher")
    member = "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'MEMBER')"
    if found[0] != publisher and connection.execute(member, [publisher]).fetchone():
        connection.execute(sql.SQL("ALTER VIEW published OWNER TO {}").format(sql.Identifier(publisher)))
    connection.execute(
        sql.SQL("GRANT SELECT ON published TO {}").format(sql.Identifier(role(schema, "reader")))
    )


def _create(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        return
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return  # made by another database of the same server at this moment
    if name.endswith("_publisher"):
        # The owner of the tables hands the published view over to this role.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))
