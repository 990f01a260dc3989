"""Reads a policy from YAML: what it demands, checked before anybody may publish it."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml
from msgspec import Meta

import registry.gates  # noqa: F401 - installs every gate
from audit.errors import InvalidError
from registry.evidence import FileName
from registry.gate import gate, parameters_as_json, split_location

LARGEST_DOCUMENT_BYTES = 65_536
# What only people can say, in the roles of `registry.permissions.JUDGED_BY`.
JUDGEMENTS = frozenset({"business_impact", "ethics_review"})

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Role = Literal["validator", "owner", "risk", "ethics"]
Kind = Literal[
    "unit_tests",
    "integration_test",
    "shadow",
    "canary",
    "rollback_plan",
    "monitoring",
    "business_impact",
    "ethics_review",
]
Source = Literal["human", "ci", "telemetry"]
OnInconclusive = Literal["block", "warn"]
T = TypeVar("T")


@dataclass(frozen=True)
class GateClause:
    """One gate as the policy wants it, every parameter spelled out."""

    slug: str
    parameters: Any
    mandatory: bool
    waivable: bool = False
    on_inconclusive: OnInconclusive = "block"

    def as_json(self) -> dict[str, Any]:
        return {
            "gate": self.slug,
            **parameters_as_json(self.parameters),
            "mandatory": self.mandatory,
            **_unless_default(self, "waivable", "on_inconclusive"),
        }


@dataclass(frozen=True)
class AttestationClause:
    """What somebody must have attested, from which kind of source, and how lately."""

    kind: Kind
    accepts: tuple[Source, ...]
    max_age_days: int

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "accepts": list(self.accepts),
            "max_age_days": self.max_age_days,
        }


@dataclass(frozen=True)
class PolicyDocument:
    """What must hold before a version of a registered model may enter an environment.

    It binds one model, or all models of some tiers of the workspace.
    """

    name: str
    environment: str
    registered_model: str | None
    evidence: Mapping[FileName, str]
    gates: tuple[GateClause, ...]
    sign_offs: tuple[Role, ...]
    approval_days: int
    tiers: tuple[int, ...] = ()
    attestations: tuple[AttestationClause, ...] = ()
    attempts_after_fail: int | None = None
    request_days: int = 90

    def as_json(self) -> dict[str, Any]:
        """Spell out the whole policy, defaults included: its digest is taken over this.

        What the first policies could not say is left out unless it is said, so that
        they keep their digests.
        """
        document = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.default is MISSING
        }
        document |= {
            "evidence": {str(key): path for key, path in self.evidence.items()},
            "gates": [clause.as_json() for clause in self.gates],
            "sign_offs": list(self.sign_offs),
        }
        if self.registered_model is None:
            del document["registered_model"]
            document["tier"] = list(self.tiers)
        if self.attestations:
            document["attestations"] = [item.as_json() for item in self.attestations]
        return document | _unless_default(self, "attempts_after_fail", "request_days")

    def demands(self) -> dict[str, dict[str, Any]]:
        """Return what a version cannot do without, by name, in whatever order it stands."""
        gates = {
            clause.slug: clause.as_json() for clause in self.gates if clause.mandatory
        }
        return gates | {item.kind: item.as_json() for item in self.attestations}

    def clause(self, gate: str) -> GateClause:
        return next(clause for clause in self.gates if clause.slug == gate)


def _unless_default(subject: Any, *names: str) -> dict[str, Any]:
    defaults = {item.name: item.default for item in fields(subject)}
    return {
        name: getattr(subject, name)
        for name in names
        if getattr(subject, name) != defaults[name]
    }


class _EvidencePaths(msgspec.Struct, forbid_unknown_fields=True):
    """Where in the source run's artifacts the evidence lies."""

    predictions: Name | None = None
    model_inputs: Name | None = None


class _Attestation(msgspec.Struct, forbid_unknown_fields=True):
    """An attestation that the policy wants, as written."""

    kind: Kind
    accepts: Annotated[list[Source], Meta(min_length=1)]
    max_age_days: Annotated[int, Meta(ge=1, le=730)] = 90


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """The document as written, before its gates are looked up."""

    name: Slug
    environment: Slug
    gates: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=50)]
    sign_offs: list[Role]
    registered_model: Name | None = None
    tier: (
        Annotated[list[Annotated[int, Meta(ge=1, le=4)]], Meta(min_length=1)] | None
    ) = None
    attestations: Annotated[list[_Attestation], Meta(max_length=20)] = msgspec.field(
        default_factory=list
    )
    attempts_after_fail: Annotated[int, Meta(ge=0, le=100)] | None = None
    request_days: Annotated[int, Meta(ge=1, le=365)] = 90
    evidence: _EvidencePaths = msgspec.field(default_factory=_EvidencePaths)
    approval_days: Annotated[int, Meta(ge=1, le=90)] = 30


class _ClauseOptions(msgspec.Struct):
    """What every clause may say beside its gate's own parameters."""

    gate: str
    mandatory: bool = True
    waivable: bool = False
    on_inconclusive: OnInconclusive = "block"


# No text in PostgreSQL holds the one, no UTF-8 the others.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML: no key twice, no anchors, no merging, nothing that can grow."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # its stubs lack types
        if isinstance(event, yaml.ScalarEvent) and UNSTORABLE.search(event.value):
            raise yaml.constructor.ConstructorError(
                None, None, f"{event.value[:50]!r} holds what no text can hold", None
            )
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.constructor.ConstructorError(
                None, None, "anchors and aliases are not allowed", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the signature of PyYAML
    ) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                problem = "keys must be plain text"
            elif key.value in seen:
                problem = f"the key {key.value!r} occurs twice"
            else:
                seen.add(key.value)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep=deep)


@lru_cache(maxsize=64)
def read_policy_document(text: str) -> PolicyDocument:
    """Read and check a policy; the first problem is raised with its place and a cure.

    Policies are few and asked for all the time: reading one takes longer than deciding.
    """
    written = _convert(_parse(text), _Document)
    paths = _evidence_paths(written.evidence)
    clauses = tuple(
        _clause(given, f"gates[{index}]", paths)
        for index, given in enumerate(written.gates)
    )
    _refuse_repeated([clause.slug for clause in clauses], "gates")
    _refuse_repeated(written.sign_offs, "sign_offs")
    _refuse_repeated(written.tier or [], "tier")
    _refuse_repeated([item.kind for item in written.attestations], "attestations")
    _refuse_two_subjects(written)
    if not any(clause.mandatory for clause in clauses):
        raise InvalidError(
            "policy_no_mandatory_gate",
            "gates: none is mandatory, so the policy would let everything through;"
            " make at least one mandatory.",
            path="gates",
        )
    return PolicyDocument(
        name=written.name,
        environment=written.environment,
        registered_model=written.registered_model,
        evidence=MappingProxyType(paths),
        gates=clauses,
        sign_offs=tuple(written.sign_offs),
        approval_days=written.approval_days,
        tiers=tuple(sorted(written.tier or ())),
        attestations=tuple(
            AttestationClause(item.kind, tuple(item.accepts), item.max_age_days)
            for item in written.attestations
        ),
        attempts_after_fail=written.attempts_after_fail,
        request_days=written.request_days,
    )


def refuse_judging_programs(policy: PolicyDocument) -> None:
    """Refuse a new policy in which a program may judge; older ones must stay readable."""
    for index, clause in enumerate(policy.attestations):
        if clause.kind in JUDGEMENTS and set(clause.accepts) != {"human"}:
            where = f"attestations[{index}].accepts"
            raise InvalidError(
                "policy_judgement_is_of_people",
                f"{where}: {clause.kind!r} is a judgement, which no program makes; write"
                " accepts: [human].",
                path=where,
            )


def _refuse_two_subjects(written: _Document) -> None:
    if (written.registered_model is None) == (written.tier is None):
        raise InvalidError(
            "policy_binds_nobody_or_two",
            "registered_model: the policy must bind either one model, by this key, or all"
            " models of some tiers, by tier instead, such as tier: [1, 2].",
            path="registered_model",
        )


def _parse(text: str) -> Any:
    size = len(text.encode(errors="replace"))
    if size > LARGEST_DOCUMENT_BYTES:
        raise InvalidError(
            "policy_too_large",
            f"The policy has {size:,} bytes; at most {LARGEST_DOCUMENT_BYTES:,} are"
            " read.",
        )
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        if isinstance(error, RecursionError):
            problem = "it is nested too deeply"
        raise InvalidError(
            "policy_unreadable", f"The policy is not plain YAML: {problem}."
        ) from error


def _clause(
    given: dict[str, Any], path: str, evidence: dict[FileName, str]
) -> GateClause:
    options = _convert(given, _ClauseOptions, path)
    try:
        wanted = gate(options.gate)
    except InvalidError as error:
        where = f"{path}.gate"
        raise InvalidError(
            error.code, f"{where}: {error.detail}", path=where
        ) from error
    own = set(_ClauseOptions.__struct_fields__)
    parameters = wanted.read_parameters(
        {key: value for key, value in given.items() if key not in own}, path=path
    )
    for name in sorted(wanted.needs - evidence.keys() - {FileName.MODEL}):
        raise InvalidError(
            "policy_evidence_missing",
            f"evidence.{name}: missing, and the gate {options.gate!r} ({path}) needs"
            " it; write where in the run's artifacts that file lies.",
            path=f"evidence.{name}",
        )
    return GateClause(
        options.gate,
        parameters,
        options.mandatory,
        options.waivable,
        options.on_inconclusive,
    )


def _evidence_paths(given: _EvidencePaths) -> dict[FileName, str]:
    named = {
        FileName.PREDICTIONS: given.predictions,
        FileName.MODEL_INPUTS: given.model_inputs,
    }
    paths = {name: path for name, path in named.items() if path is not None}
    for name, path in paths.items():
        if (
            path != str(PurePosixPath(path))
            or path[0] == "/"
            or ".." in path.split("/")
        ):
            raise InvalidError(
                "policy_invalid_path",
                f"evidence.{name}: {path!r} is no plain path inside the run's artifacts;"
                " write one such as evaluation/predictions.parquet.",
                path=f"evidence.{name}",
            )
    return paths


def _refuse_repeated(values: list[Any], path: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            where = f"{path}[{index}]"
            raise InvalidError(
                "policy_repeated",
                f"{where}: {value!r} is there already; name each one once.",
                path=where,
            )


def _convert(given: Any, kind: type[T], path: str = "") -> T:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        problem, where = split_location(error, path)
        code = "policy_invalid_value"
        if problem.startswith("Object contains unknown field"):
            code = "policy_unknown_key"
        if problem.startswith("Object missing required field"):
            code = "policy_missing_key"
        raise InvalidError(
            code,
            f"{where or 'The policy'}: {problem}. Correct it; docs/gates.md shows a"
            " whole policy.",
            path=where,
        ) from error
