"""Tables of the tracking floor, one file a noun."""

from tracking.models.access import ApiToken, ServiceAccount
from tracking.models.artifact import Artifact
from tracking.models.dataset import Dataset, DatasetInput
from tracking.models.experiment import Experiment
from tracking.models.metric import LatestMetric, Metric
from tracking.models.param import Param
from tracking.models.run import Run, RunSeal
from tracking.models.tag import ExperimentTag, Tag
from tracking.models.workspace import Workspace

__all__ = [
    "ApiToken",
    "Artifact",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "ExperimentTag",
    "LatestMetric",
    "Metric",
    "Param",
    "Run",
    "RunSeal",
    "ServiceAccount",
    "Tag",
    "Workspace",
]
