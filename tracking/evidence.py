"""What the rules get to see of a run, read from stored rows in few queries.

The names under which runs carry code, environment and seeds stand here as data.
"""

import hashlib
import re
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from django.db.models import Q

from tracking.models import LoggedModelArtifact, Run
from tracking.models.experiment import Lifecycle
from tracking.models.logged_model import LoggedModel, LoggedModelTag, UseDirection


class SourceTag(StrEnum):
    """Tags that say what ran: MLflow's own, and ours where it has none."""

    COMMIT = "mlflow.source.git.commit"
    BRANCH = "mlflow.source.git.branch"
    REPOSITORY = "mlflow.source.git.repoURL"
    DIRTY = "mlflow.source.git.dirty"
    OUR_DIRTY = "attestry.git.dirty"
    DIFF = "mlflow.source.git.diff"
    OUR_DIFF = "attestry.git.diff"
    SOURCE = "mlflow.source.name"
    PROJECT_ENTRY_POINT = "mlflow.project.entryPoint"
    COMMAND = "attestry.command"
    PYTHON = "attestry.python_version"
    PLATFORM = "attestry.platform"
    IMAGE = "mlflow.docker.image.uri"
    IMAGE_ID = "mlflow.docker.image.id"
    REPRODUCES = "attestry.reproduces"


# Who wrote the commit, as `Name <address>`, an address, a name or an account's username;
# several are parted by commas. MLflow's client sends none of them by itself.
AUTHOR_TAGS = frozenset(
    {
        "attestry.git.author",
        "attestry.git.author_email",
        "mlflow.source.git.author",
        "mlflow.source.git.author_email",
    }
)


# What a client that versions code says of it, on the model that it makes active.
TAGS_OF_CODE = (
    SourceTag.BRANCH,
    SourceTag.REPOSITORY,
    SourceTag.DIRTY,
    SourceTag.DIFF,
)
DIFF_FILE = "attestry/git.diff"
# A tag holds so many characters and is cut there, so a diff of that length is not whole.
LONGEST_WHOLE_DIFF = 7999
LOCK_FILES = frozenset(
    {
        "requirements.txt",
        "conda.yaml",
        "python_env.yaml",
        "uv.lock",
        "poetry.lock",
        "environment.yml",
    }
)
FILES_THAT_STATE_PYTHON = frozenset(
    {"conda.yaml", "python_env.yaml", "environment.yml"}
)
SEED = re.compile(
    r"(?:^|[^a-z0-9])(?:(?:random_?)?seed|random_?state)\Z", re.IGNORECASE
)
# What autologging writes for a seed that nobody set.
UNSET = frozenset({"", "none", "null", "nan"})
# MLflow's word for a run that no file started.
INTERACTIVE = frozenset({"<console>"})
TRUE = frozenset({"true", "1", "yes"})
FALSE = frozenset({"false", "0", "no"})
MODEL_FILES = (
    "MLmodel",
    "model.*",
    "*.onnx",
    "*.pkl",
    "*.joblib",
    "*.pt",
    "*.h5",
    "*.keras",
    "*.ubj",
    "*.safetensors",
)


@dataclass(frozen=True)
class File:
    """A current file of the run, or of a logged model that it made (`model_id`)."""

    path: str
    sha256: str
    size_bytes: int
    model_id: str = ""
    model_name: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def shown(self) -> str:
        """Return one name that stays the same from run to run."""
        return f"models/{self.model_name}/{self.path}" if self.model_id else self.path


@dataclass(frozen=True, order=True)
class UsedData:
    """A dataset input of the run."""

    name: str
    digest: str
    context: str
    source_type: str
    source: str


@dataclass(frozen=True)
class Diff:
    """What the working tree differed by from its commit: a tag's text, or a file."""

    sha256: str
    text: str | None
    file: File | None


@dataclass(frozen=True)
class RunContent:
    """Everything that a run holds, metrics by their latest points, in one order."""

    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    files: tuple[File, ...]
    models: tuple[str, ...]
    datasets: tuple[UsedData, ...]
    # Of a logged model that the run used or made at its own commit.
    code_of_model: dict[str, str]

    def tag(self, *names: SourceTag) -> str | None:
        """Return the first of the tags that says something, the run's own before others."""
        told = ChainMap(self.tags, self.code_of_model)
        return next((told[name] for name in names if told.get(name)), None)

    @property
    def entry_point(self) -> str | None:
        """Return what was called; of an interactive session nobody knows."""
        source = self.tag(SourceTag.SOURCE)
        return self.command_line or (None if source in INTERACTIVE else source)

    @property
    def command_line(self) -> str | None:
        """Return how it was called; a script's name says nothing of its arguments.

        The arguments of a project's entry point are params.
        """
        return self.tag(SourceTag.COMMAND, SourceTag.PROJECT_ENTRY_POINT)

    @property
    def is_dirty(self) -> bool | None:
        """Say whether the tree differed from its commit; None if no tag tells."""
        said = {
            tags.get(name, "").strip().lower()
            for tags in (self.tags, self.code_of_model)
            for name in (SourceTag.DIRTY, SourceTag.OUR_DIRTY)
        }
        if said & TRUE:
            return True
        return False if said & FALSE else None

    @property
    def diff(self) -> Diff | None:
        """Return the kept diff; a tag that was cut is none."""
        for file in self.files:
            if file.path == DIFF_FILE and not file.model_id:
                return Diff(file.sha256, None, file)
        text = self.tag(SourceTag.DIFF, SourceTag.OUR_DIFF)
        if text is None or len(text) > LONGEST_WHOLE_DIFF:
            return None
        return Diff(hashlib.sha256(text.encode()).hexdigest(), text, None)

    @property
    def seeds(self) -> dict[str, str]:
        return {
            key: value
            for key, value in self.params.items()
            if is_seed(key) and value.strip().lower() not in UNSET
        }

    @property
    def has_model(self) -> bool:
        return bool(self.models) or any(
            fnmatchcase(file.name, pattern)
            for file in self.files
            for pattern in MODEL_FILES
        )

    def unmatched(self, patterns: Iterable[str]) -> list[str]:
        """Return the patterns that no path of a file here matches.

        `*` also matches `/`; upper and lower case differ.
        """
        paths = {file.path for file in self.files}
        return [
            pattern
            for pattern in patterns
            if not any(fnmatchcase(path, pattern) for path in paths)
        ]

    @property
    def lock_files(self) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.name in LOCK_FILES)


def is_seed(key: str) -> bool:
    """Say whether a param is a seed by its name: `seed`, `random_state`, `data_seed`, …"""
    return SEED.search(key) is not None


def read_content(run: Run) -> RunContent:
    """Read a run in at most eight queries, however much it holds."""
    tags = dict(sorted(run.tags.values_list("key", "value")))
    models = list(_models_of(run))
    files = [File(*row) for row in run.artifacts.current().values_list(*_FILE)]
    of_models = LoggedModelArtifact.objects.filter(logged_model__in=models).current()
    files += [
        File(*row)
        for row in of_models.values_list(
            *_FILE, "logged_model__model_id", "logged_model__name"
        )
    ]
    points = sorted(run.latest_metrics.all(), key=lambda point: point.key)
    inputs = run.dataset_inputs.select_related("dataset")
    return RunContent(
        params=dict(sorted(run.params.values_list("key", "value"))),
        tags=tags,
        metrics={point.key: point.number for point in points},
        files=tuple(sorted(files, key=lambda file: (file.model_id, file.path))),
        models=tuple(sorted(model.model_id for model in models)),
        datasets=tuple(
            sorted(
                UsedData(
                    name=use.dataset.name,
                    digest=use.dataset.digest,
                    context=use.context,
                    source_type=use.dataset.source_type,
                    source=use.dataset.source,
                )
                for use in inputs
            )
        ),
        code_of_model=_code_of_model(run, tags.get(SourceTag.COMMIT)),
    )


_FILE = ("path", "sha256", "size_bytes")


def _code_of_model(run: Run, commit: str | None) -> dict[str, str]:
    """Return what the first logged model of the same commit says of the code.

    A model of another commit is the work of another run.
    """
    if not commit:
        return {}
    models = LoggedModel.objects.filter(
        Q(source_run=run) | Q(pk__in=run.model_uses.values("logged_model")),
        experiment=run.experiment_id,
        lifecycle_stage=Lifecycle.ACTIVE,
        tags__key=SourceTag.COMMIT,
        tags__value=commit,
    )
    told = LoggedModelTag.objects.filter(
        logged_model__in=models.order_by("pk").values("pk")[:1], key__in=TAGS_OF_CODE
    )
    return dict(told.values_list("key", "value"))


def _models_of(run: Run) -> list[LoggedModel]:
    made = Q(source_run=run) | Q(uses__run=run, uses__direction=UseDirection.OUTPUT)
    # Of the run's own experiment, because who sees the run sees that one.
    return list(
        LoggedModel.objects.filter(made, experiment=run.experiment_id)
        .filter(lifecycle_stage=Lifecycle.ACTIVE)
        .distinct()
        .order_by("pk")
    )
