"""What each database role may do to each table, on PostgreSQL.

Three roles: the owner migrates and no running process has its password; the application
(web, worker, beat) records; the sequencer gives events their index and signs.
"""

from collections.abc import Iterator
from enum import StrEnum

from django.apps import apps
from django.db import connection, transaction

from audit.triggers import APPEND_ONLY_TABLES, KEEPERS, expected_triggers

Rights = frozenset[str]

READ: Rights = frozenset({"SELECT"})
ADD: Rights = READ | {"INSERT"}
CHANGE: Rights = ADD | {"UPDATE"}
EMPTY: Rights = CHANGE | {"DELETE"}
CHECKED = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
# A right on a single column is a right.
_OF_COLUMNS = frozenset({"SELECT", "INSERT", "UPDATE"})

# What the sequencer alone writes.
_OF_THE_SEQUENCER: dict[str, Rights] = {
    "audit_pending": READ | {"DELETE"},
    "audit_entry": ADD,
    "audit_storedtile": ADD,
    "audit_storedcheckpoint": ADD,
    "audit_cosignature": ADD,
    "audit_head": CHANGE,
}
# Tables from which the application takes rows away: a group, a grant, a session that
# ends, an alias, a tag, and personal values, which must be erasable.
_EMPTIED = frozenset(
    {
        "audit_privatefield",
        "auth_user_groups",
        "django_session",
        "guardian_groupobjectpermission",
        "guardian_userobjectpermission",
        "registry_alias",
        "registry_modeltag",
        "registry_versiontag",
        "tracking_experimenttag",
        "tracking_loggedmodeltag",
        "tracking_tag",
    }
)
# What the owner writes while it migrates.
_OF_THE_OWNER = frozenset({"auth_permission", "django_content_type"})
# What the sequencer records itself: rotations, and what verifications have found.
_RECORDED = frozenset(
    {"audit_event", "audit_privatefield", "audit_verification"},
)


class DatabaseRole(StrEnum):
    """The two roles that processes run as."""

    APPLICATION = "application"
    SEQUENCER = "sequencer"


def tables() -> list[str]:
    return sorted(
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    )


def rights_on(table: str, role: DatabaseRole) -> Rights:
    """Return what a role may do to a table; whatever is not named it may not."""
    if role == DatabaseRole.SEQUENCER:
        own = _OF_THE_SEQUENCER.get(table)
        recorded = ADD if table in _RECORDED else READ
        return own or (CHANGE if table == "audit_verificationturn" else recorded)
    if table in _OF_THE_SEQUENCER or table in _OF_THE_OWNER:
        return READ
    if table in {keeper.into for keeper in KEEPERS.values()}:
        return READ  # its triggers write there, with the rights of the owner
    if table in APPEND_ONLY_TABLES:
        return ADD
    return EMPTY if table in _EMPTIED else CHANGE


def grant(role_name: str, role: DatabaseRole) -> None:
    """Give a database role what it needs on every table, and take away all else.

    For the owner of the tables; an undefined role raises ProgrammingError.
    """
    expected_triggers("postgresql")  # which fills APPEND_ONLY_TABLES
    name = connection.ops.quote_name(role_name)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}")
        cursor.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC")
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        cursor.execute(f"GRANT SELECT ON django_migrations TO {name}")
        for table in tables():
            rights = ", ".join(sorted(rights_on(table, role)))
            cursor.execute(f"GRANT {rights} ON {table} TO {name}")


def owns_tables() -> bool:
    """Say whether this connection could switch triggers off: an owner or superuser."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR EXISTS (SELECT 1 FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            " AND pg_has_role(current_user, relowner, 'USAGE'))"
            " FROM pg_roles WHERE rolname = current_user"
        )
        (owns,) = cursor.fetchone()
    return bool(owns)


def rights_faults() -> list[str]:
    """Say what this connection's role may do beyond its rights, or lacks of them.

    Nothing for an owner, who may do everything anyway.
    """
    if connection.vendor != "postgresql" or owns_tables():
        return []
    expected_triggers("postgresql")  # which fills APPEND_ONLY_TABLES
    return list(_differences(_rights_there()))


def _differences(there: dict[str, Rights]) -> Iterator[str]:
    is_sequencer = "INSERT" in there.get("audit_entry", frozenset())
    role = DatabaseRole.SEQUENCER if is_sequencer else DatabaseRole.APPLICATION
    for table in tables():
        wanted = rights_on(table, role)
        found = there.get(table, frozenset())
        if found - wanted:
            excess = " and ".join(sorted(found - wanted))
            yield f"The {role} role may {excess} on {table}, which it must not."
        if wanted - found:
            lacking = " and ".join(sorted(wanted - found))
            yield f"The {role} role may not {lacking} on {table}, which it needs."


def _rights_there() -> dict[str, Rights]:
    privileges = " || ".join(
        f"CASE WHEN {_asked(right)} THEN '{right} ' ELSE '' END" for right in CHECKED
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT relname, {privileges} FROM pg_class WHERE relkind = 'r'"  # noqa: S608 - our own words
            f" AND relnamespace = current_schema()::regnamespace"
        )
        return {table: frozenset(rights.split()) for table, rights in cursor.fetchall()}


def _asked(right: str) -> str:
    kind = "any_column" if right in _OF_COLUMNS else "table"
    return f"has_{kind}_privilege(oid, '{right}')"
