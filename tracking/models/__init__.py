"""Tables of the tracking floor, one file a noun."""

from tracking.models.access import ApiToken, ServiceAccount
from tracking.models.artifact import (
    Artifact,
    ArtifactRemoval,
    LoggedModelArtifact,
    LoggedModelArtifactRemoval,
)
from tracking.models.dataset import Dataset, DatasetCard, DatasetInput, DatasetLabeller
from tracking.models.experiment import Experiment
from tracking.models.former_tag import FormerTag
from tracking.models.logged_model import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    ModelUse,
)
from tracking.models.metadata import FieldDefinition, MetadataTemplate
from tracking.models.metric import LatestMetric, Metric
from tracking.models.param import Param
from tracking.models.reproduction import Reproduction
from tracking.models.role_grant import GrantState, NamePrefix, RoleGrant
from tracking.models.run import Run, RunSeal
from tracking.models.second_factor import FailedTries, SecondFactor
from tracking.models.sensitive_use import Acknowledgement, SensitiveUse
from tracking.models.tag import ExperimentTag, FormerAuthor, FormerParent, Tag
from tracking.models.workspace import Workspace

__all__ = [
    "Acknowledgement",
    "ApiToken",
    "Artifact",
    "ArtifactRemoval",
    "Dataset",
    "DatasetCard",
    "DatasetInput",
    "DatasetLabeller",
    "Experiment",
    "ExperimentTag",
    "FailedTries",
    "FieldDefinition",
    "FormerAuthor",
    "FormerParent",
    "FormerTag",
    "GrantState",
    "LatestMetric",
    "LoggedModel",
    "LoggedModelArtifact",
    "LoggedModelArtifactRemoval",
    "LoggedModelMetric",
    "LoggedModelParam",
    "LoggedModelTag",
    "MetadataTemplate",
    "Metric",
    "ModelUse",
    "NamePrefix",
    "Param",
    "Reproduction",
    "RoleGrant",
    "Run",
    "RunSeal",
    "SecondFactor",
    "SensitiveUse",
    "ServiceAccount",
    "Tag",
    "Workspace",
]
