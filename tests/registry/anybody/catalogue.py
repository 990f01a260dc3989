"""MLflow's words for it: stages, aliases, names, and what it calls deleting."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from registry.events import RegistryEvent as Registry
from registry.models import Stage
from registry.services.aliases import remove_alias, set_alias
from registry.services.archiving import archive_model, archive_version
from registry.services.registered_models import rename_model
from registry.services.stages import move_version
from tests.registry.anybody.ledger import Request
from tests.registry.anybody.people import People
from tests.registry.anybody.world import ANYBODY, World

ALIASES = st.sampled_from(["champion", "Champion", "production", "best", "staging"])
EDITORS = st.one_of(st.sampled_from(["alice", "rex"]), ANYBODY)


class Catalogue(People):
    """Whoever has an MLflow client tries what it offers."""

    @rule(
        request=World.requests,
        stage=st.sampled_from([Stage.PRODUCTION, *Stage]),
        archives_others=st.booleans(),
        actor=EDITORS,
    )
    def move_to_a_stage(
        self, request: Request, stage: Stage, archives_others: bool, actor: str
    ) -> None:
        self.promoted_by(
            move_version,
            self.version(request.version),
            to=stage,
            archives_others=archives_others,
            by=actor,
            request=self.open_request(request.version),
        )

    @rule(request=World.requests, name=ALIASES, actor=EDITORS)
    def set_an_alias(self, request: Request, name: str, actor: str) -> None:
        self.promoted_by(
            set_alias,
            self.version(request.version),
            name=name,
            by=actor,
            request=self.open_request(request.version),
        )

    @rule(name=ALIASES, actor=EDITORS)
    def delete_an_alias_and_rename(self, name: str, actor: str) -> None:
        """Nobody renames what a policy goes by."""
        who, model = self.person(actor), self.model()
        self.attempt(None, remove_alias, model, name=name, actor=who)
        assert self.attempt(None, rename_model, model, name="other", actor=who) is None

    @rule(request=World.requests, actor=EDITORS)
    def delete_a_version(self, request: Request, actor: str) -> None:
        if self.attempt(
            Registry.VERSION_ARCHIVED,
            archive_version,
            self.version(request.version),
            actor=self.person(actor),
        ):
            ledger = self.ledger
            assert request.version is not ledger.serving(self.now)
            assert not (ledger.lasting(self.now) and ledger.champion is request.version)
            request.version.is_archived = True

    @precondition(lambda self: len(self.ledger.requests) > 3)
    @rule(actor=EDITORS)
    def delete_the_model(self, actor: str) -> None:
        if self.attempt(
            Registry.MODEL_ARCHIVED,
            archive_model,
            self.model(),
            actor=self.person(actor),
        ):
            assert self.ledger.serving(self.now) is None
            for version in self.ledger.versions:
                version.is_archived = True
