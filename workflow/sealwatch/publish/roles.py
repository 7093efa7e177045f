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
    "registry_polygon, registry_distance, enrichment, polygon_generalised, release, release_polygon, "
    "release_generalised, schema_version"
)
_RELEASED = (
    "standing, registry, registry_distance, enrichment, polygon_generalised, release, release_polygon, "
    "release_generalised, schema_version"
)

_GRANTS = (
    # Earlier versions let these two further in.
    "REVOKE ALL ON SCHEMA {schema} FROM {reader}",
    "REVOKE CREATE ON SCHEMA {schema} FROM {publisher}",
    "GRANT USAGE ON SCHEMA {schema} TO {reviewer}, {desk}, {publisher}",
    f"GRANT SELECT ON {_REVIEWED} TO {{reviewer}}, {{desk}}",
    f"GRANT INSERT ({_DECISION}) ON review TO {{reviewer}}, {{desk}}",
    "GRANT SELECT ON review_form, registry_shape TO {reviewer}",
    "GRANT UPDATE (decision, ground, remark, from_class, to_class, start_half, geom) ON review_form TO {reviewer}",
    "GRANT EXECUTE ON FUNCTION seen_token(text) TO {reviewer}, {desk}",
    "GRANT SELECT ON desk_account TO {desk}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON desk_session TO {desk}",
    "GRANT SELECT, INSERT, DELETE ON desk_attempt TO {desk}",
    f"GRANT SELECT ON {_RELEASED} TO {{publisher}}",
    "GRANT INSERT ON release, release_polygon, release_generalised TO {publisher}",
    "GRANT USAGE ON SCHEMA {public} TO {reader}, {publisher}",
    "GRANT CREATE ON SCHEMA {public} TO {publisher}",
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


def grant_roles(connection: psycopg.Connection, schema: str, public: str) -> bool:
    """Create the roles where they are missing and give them their rights on the tables of `schema`.

    Args:
        connection: connection of the tables' owner.
        schema: schema of the tables.
        public: schema of the public views, the only one that role `reader` can look into.

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
        connection.execute(
            sql.SQL(statement).format(schema=sql.Identifier(schema), public=sql.Identifier(public), **names)
        )
    present = {row[0] for row in connection.execute("SELECT policyname FROM pg_policies WHERE tablename = 'review' "
                                                    "AND schemaname = %s", [schema])}  # fmt: skip
    if not present:
        connection.execute("ALTER TABLE review ENABLE ROW LEVEL SECURITY")
    for name, text in _POLICIES.items():
        if name not in present:
            connection.execute(sql.SQL(f"CREATE POLICY {name} ON review {text}").format(**names))
    grant_sampling(connection, schema, names)
    return True


def share_views(connection: psycopg.Connection, schema: str, public: str) -> None:
    """Let the services read all views of the public schema and the publisher replace them, where the roles exist."""
    views = connection.execute(
        "SELECT c.relname, pg_get_userbyid(c.relowner) = w.rolname, "
        "pg_has_role(c.relowner, 'MEMBER') AND pg_has_role(w.oid, 'MEMBER'), "
        "has_table_privilege(r.oid, c.oid, 'SELECT') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s "
        "JOIN pg_roles w ON w.rolname = %s JOIN pg_roles r ON r.rolname = %s WHERE c.relkind = 'v'",
        [public, role(schema, "publisher"), role(schema, "reader")],
    ).fetchall()
    publisher, reader = (sql.Identifier(role(schema, ending)) for ending in ("publisher", "reader"))
    for name, handed_over, may_change, readable in views:
        view = sql.Identifier(public, name)
        if may_change and not handed_over:
            connection.execute(sql.SQL("ALTER VIEW {} OWNER TO {}").format(view, publisher))
        if may_change and not readable:
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(view, reader))


def _create(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        return
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return  # made by another database of the same server at this moment
    if name.endswith("_publisher"):
        # The owner of the tables hands the public views over to this role.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))
