"""Acts on the pages about who may do what: roles, tokens, one's own password."""

from django.contrib.auth.models import User

from tests import factories
from tests.every_route import access
from tests.every_route.asking import Ask, Change
from tests.every_route.pages import Pages, on, stating
from tracking.events import TrackingEvent

PAGES = Pages(access.TABLE)
GRANT = "admin/tracking/rolegrant/"

PAGES.act(f"{GRANT}ask/", access.ask_role, stating(workspace="default"))
PAGES.act(f"{GRANT}<int:pk>/approve/", access.approve_role)
PAGES.act(f"{GRANT}<int:pk>/revoke/", access.revoke_role)
PAGES.act("admin/tracking/apitoken/make/", access.make_token)
PAGES.act("admin/tracking/apitoken/<int:pk>/acts/revoke/", access.revoke_token)
ACCOUNT = "admin/auth/user/"
PAGES.act(f"{ACCOUNT}make/", access.create_account, stating(kind="person"))
ACTS = {
    "deactivate": (access.deactivate, "mallory"),
    "reactivate": (access.reactivate, "mallory"),
    "email": (access.set_email, "bob"),
    "remove-second-factor": (access.remove_second_factor, "bob"),
}
for word, (twin, name) in ACTS.items():
    PAGES.act(f"{ACCOUNT}<int:pk>/acts/{word}/", twin, on(User, username=name))
DELEGATION = "admin/registry/delegation/"
PAGES.act(f"{DELEGATION}make/", access.delegate, stating(workspace="default"))
PAGES.act(f"{DELEGATION}<int:pk>/acts/withdraw/", access.withdraw_delegation)
PAGES.act("admin/second-factor/", access.begin_second_factor)
PAGES.act("admin/second-factor/", access.confirm_second_factor)


def change_password(workspace, people):
    new = "another long passphrase"
    form = {"old_password": factories.PASSWORD}
    return Ask(
        people.bob,
        form | {"new_password1": new, "new_password2": new},
        in_session=True,
    )


# The API has no such call.
PAGES["admin/password_change/", change_password.__name__] = Change(
    [TrackingEvent.ACCOUNT_PASSWORD_CHANGED], change_password
)
