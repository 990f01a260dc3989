"""Accounts of people and programs, for those who administer them."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import NotFoundError
from tracking.api.workspace_views import StrictInput, WorkspaceView, parsed
from tracking.models.access import Scope
from tracking.permissions import may_administer_accounts
from tracking.services.accounts import (
    change_email,
    create_person,
    create_service_account,
    deactivate_account,
    new_password,
    reactivate_account,
)
from tracking.services.second_factors import remove_second_factor


class CreateAccountInput(StrictInput):
    """A person has a full name, a program a purpose."""

    username = serializers.RegexField(r"^[\w.@+-]+\Z", max_length=150)
    full_name = serializers.CharField(max_length=300, required=False)
    email = serializers.EmailField(required=False)
    purpose = serializers.CharField(max_length=500, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("full_name" in attrs) == ("purpose" in attrs):
            raise serializers.ValidationError(
                "Send full_name for a person, or purpose for a program, and not both."
            )
        if "purpose" in attrs and "email" in attrs:
            raise serializers.ValidationError("A program has no email.")
        return attrs


class AccountOutput(serializers.ModelSerializer[User]):
    """An account; `purpose` is null for people."""

    full_name = serializers.CharField(source="get_full_name")
    purpose = serializers.CharField(
        source="service_account.purpose", default=None, allow_null=True
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "username",
            "full_name",
            "email",
            "purpose",
            "is_active",
        )


class CreatedAccountOutput(AccountOutput):
    """`password` is shown once; a program has none."""

    password = serializers.CharField(allow_null=True)

    class Meta(AccountOutput.Meta):
        fields: tuple[str, ...] = (*AccountOutput.Meta.fields, "password")


class EmailInput(StrictInput):
    """Empty: they get no more mail."""

    email = serializers.EmailField(allow_blank=True)


class RemoveSecondFactorInput(StrictInput):
    """Why."""

    reason = serializers.CharField(max_length=1000)


class AccountsView(WorkspaceView):
    """Whoever does not administer accounts sees their own and no other."""

    write_scopes = frozenset({Scope.ACCESS_WRITE})

    def accounts(self) -> QuerySet[User]:
        accounts = User.objects.select_related("service_account").order_by("username")
        if may_administer_accounts(self.user):
            return accounts
        return accounts.filter(pk=self.user.pk)

    def account(self, username: str) -> User:
        account = self.accounts().filter(username=username).first()
        if account is None:
            raise NotFoundError(
                "account_unknown",
                f"There is no account {username!r} that you may see: check the name.",
            )
        return account


class Accounts(AccountsView, ListAPIView[User]):
    """List accounts, create one."""

    serializer_class = AccountOutput

    def get_queryset(self) -> QuerySet[User]:
        return self.accounts()

    @extend_schema(request=CreateAccountInput, responses={201: CreatedAccountOutput})
    def post(self, request: Request, **_path: Any) -> Response:
        fields = parsed(CreateAccountInput, request)
        if "purpose" in fields:
            account = create_service_account(**fields, actor=self.user)
            return self._created(account, None)
        password = new_password()
        account = create_person(
            **fields, password=password, is_superuser=False, actor=self.user
        )
        return self._created(account, password)

    def _created(self, account: User, password: str | None) -> Response:
        shown = AccountOutput(account).data
        return Response({**shown, "password": password}, status=201)


class Deactivation(AccountsView):
    """Close an account and revoke its tokens; what it signed stays valid."""

    @extend_schema(request=None, responses={201: AccountOutput})
    def post(self, request: Request, username: str, **_path: Any) -> Response:
        account = self.account(username)
        deactivate_account(account, actor=self.user)
        return Response(AccountOutput(account).data, status=201)


class Reactivation(AccountsView):
    """Open a closed account again; its old tokens stay revoked."""

    @extend_schema(request=None, responses={201: AccountOutput})
    def post(self, request: Request, username: str, **_path: Any) -> Response:
        reactivate_account(self.account(username), actor=self.user)
        return Response(AccountOutput(self.account(username)).data, status=201)


class Email(AccountsView):
    """Say where somebody gets mail."""

    @extend_schema(request=EmailInput, responses={200: AccountOutput})
    def put(self, request: Request, username: str, **_path: Any) -> Response:
        account = self.account(username)
        change_email(account, **parsed(EmailInput, request), actor=self.user)
        return Response(AccountOutput(account).data)


class SecondFactorRemoval(AccountsView):
    """Take a lost second factor away."""

    @extend_schema(request=RemoveSecondFactorInput, responses={201: AccountOutput})
    def post(self, request: Request, username: str, **_path: Any) -> Response:
        account = self.account(username)
        remove_second_factor(
            account, **parsed(RemoveSecondFactorInput, request), actor=self.user
        )
        return Response(AccountOutput(account).data, status=201)
