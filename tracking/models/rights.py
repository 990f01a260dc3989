"""The SQL that asks whether somebody was given a permission, for queries by hand.

Every call of a training run asks it several times; django-guardian's own answer takes
three queries each time.
"""

from django.contrib.auth.models import User
from django.db.models import BooleanField, Func

# The aliases begin with an underscore so that none hides one of the query around.
_PERMISSION = """(
    SELECT _p.id FROM auth_permission _p
    JOIN django_content_type _t ON _t.id = _p.content_type_id
    WHERE _t.app_label = {app} AND _t.model = {model} AND _p.codename = {permission})"""

_ON_OBJECT = """(
    EXISTS (
        SELECT 1 FROM guardian_groupobjectpermission _o
        JOIN auth_user_groups _m ON _m.group_id = _o.group_id
        WHERE _o.permission_id = {wanted} AND _o.object_pk = CAST({pk} AS text)
            AND _m.user_id = {user})
    OR EXISTS (
        SELECT 1 FROM guardian_userobjectpermission _o
        WHERE _o.permission_id = {wanted} AND _o.object_pk = CAST({pk} AS text)
            AND _o.user_id = {user}))"""

_ON_ALL = """(
    EXISTS (
        SELECT 1 FROM auth_user _u WHERE _u.id = {user} AND _u.is_superuser)
    OR EXISTS (
        SELECT 1 FROM auth_user_user_permissions _o
        WHERE _o.permission_id = {wanted} AND _o.user_id = {user})
    OR EXISTS (
        SELECT 1 FROM auth_group_permissions _o
        JOIN auth_user_groups _m ON _m.group_id = _o.group_id
        WHERE _o.permission_id = {wanted} AND _m.user_id = {user}))"""


def given(app: str, model: str, permission: str, *, pk: str, user: str) -> str:
    """Return SQL that is true if the user holds the permission on this very object.

    All arguments are SQL: literals, columns or placeholders.
    """
    wanted = _PERMISSION.format(app=app, model=model, permission=permission)
    return _short(_ON_OBJECT.format(wanted=wanted, pk=pk, user=user))


def sees(app: str, model: str, permission: str, *, pk: str, user: str) -> str:
    """Return SQL that is true if `visible_to` shows the user the object.

    To see, a permission on all objects is enough, and superusers have it.
    """
    wanted = _PERMISSION.format(app=app, model=model, permission=permission)
    on_object = _ON_OBJECT.format(wanted=wanted, pk=pk, user=user)
    return _short(f"({on_object} OR {_ON_ALL.format(wanted=wanted, user=user)})")


def _short(sql: str) -> str:
    """Leave indentation out: psycopg reads what has over 4,096 characters anew each time."""
    return " ".join(sql.split())


def is_given(app: str, model: str, permission: str, *, pk: str, user: User) -> Func:
    """Return `given` as an expression for query sets, on the field that holds the key."""
    words = (f"'{word}'" for word in (app, model, permission))
    sql = given(*words, pk="%(expressions)s", user=str(int(user.pk or 0)))
    return Func(pk, template=sql, output_field=BooleanField())


def is_seen(app: str, model: str, permission: str, *, pk: str, user: User) -> Func:
    """Return `sees` as a condition for query sets, on the field that holds the key."""
    words = (f"'{word}'" for word in (app, model, permission))
    sql = sees(*words, pk="%(expressions)s", user=str(int(user.pk or 0)))
    return Func(pk, template=sql, output_field=BooleanField())
