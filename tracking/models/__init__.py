"""Tables of the tracking floor, one file a noun."""

from tracking.models.access import ApiToken, ServiceAccount
from tracking.models.artifact import (
    Artifact,
    ArtifactRemoval,
    LoggedModelArtifact,
    LoggedModelArtifactRemoval,
)
from tracking.models.dataset import (
    Dataset,
    DatasetCard,
    DatasetInput,
    DatasetLabeller,
)
from tracking.models.experiment import Experiment
from tracking.models.logged_model import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    ModelUse,
)
from tracking.models.metric import LatestMetric, Metric
from tracking.models.param import Param
from tracking.models.run import Run, RunSeal
from tracking.models.tag import ExperimentTag, Tag
from tracking.models.workspace import Workspace

__all__ = [
    "ApiToken",
    "Artifact",
    "ArtifactRemoval",
    "Dataset",
    "DatasetCard",
    "DatasetInput",
    "DatasetLabeller",
    "Experiment",
    "ExperimentTag",
    "LatestMetric",
    "LoggedModel",
    "LoggedModelArtifact",
    "LoggedModelArtifactRemoval",
    "LoggedModelMetric",
    "LoggedModelParam",
    "LoggedModelTag",
    "Metric",
    "ModelUse",
    "Param",
    "Run",
    "RunSeal",
    "ServiceAccount",
    "Tag",
    "Workspace",
]
