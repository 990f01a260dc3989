"""The types of what comes in; lengths and counts are MLflow's limits.

Source: MLflow's REST documentation, "Request Limits".
"""

from typing import Annotated

from msgspec import Meta, Struct

from audit.errors import InvalidError

# As a path, a key is in its shortest form, because MLflow's file store made it a file.
PLAIN_KEY = r"^(?!.*(?:^|/)\.{0,2}(?:/|\Z))[\w\-. :/]+\Z"
# PostgreSQL's text holds no NUL.
NO_NUL = r"^[^\x00]*\Z"
IN_WORDS = {
    PLAIN_KEY: "of letters, digits, '_', '-', '.', ' ', ':', and of '/' between names",
    NO_NUL: "without NUL characters",
}
Key = Annotated[str, Meta(min_length=1, max_length=250, pattern=PLAIN_KEY)]
Text = Annotated[str, Meta(pattern=NO_NUL)]
Milliseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Step = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
RunName = Annotated[str, Meta(max_length=250, pattern=NO_NUL)]
# MLflow's client names all that it found, to search in every experiment.
MOST_EXPERIMENTS = 50_000
ExperimentIds = Annotated[list[Text], Meta(max_length=MOST_EXPERIMENTS)]

# MLflow's most for a batch of anything; here it holds where MLflow names no limit, too.
MOST_ITEMS = 1000

# MLflow's server cuts longer values (MLFLOW_TRUNCATE_LONG_VALUES) where its client
# counts on it, so that training does not fail for a long value.
LONGEST_PARAM_VALUE = 6000
LONGEST_TAG_VALUE = 8000


class Tag(Struct):
    """A key and a value."""

    key: Key
    value: Text = ""


class Param(Struct):
    """A key and a value; a missing value is the empty text."""

    key: Key
    value: Text = ""


class Metric(Struct):
    """A point; NaN and infinity travel as text."""

    key: Key
    value: float | str
    timestamp: Milliseconds
    step: Step = 0
    model_id: Text = ""
    dataset_name: Annotated[str, Meta(max_length=500, pattern=NO_NUL)] = ""
    dataset_digest: Annotated[str, Meta(max_length=36, pattern=NO_NUL)] = ""


Params = Annotated[list[Param], Meta(max_length=MOST_ITEMS)]
Tags = Annotated[list[Tag], Meta(max_length=MOST_ITEMS)]


class NamedRun(Struct, kw_only=True):
    """A run by either of the two names that clients send."""

    run_id: Text = ""
    run_uuid: Text = ""

    @property
    def wanted(self) -> str:
        """Return the one that was sent; InvalidError says that none was."""
        if not (named := self.run_id or self.run_uuid):
            raise InvalidError(
                "run_id_missing",
                "Missing value for required parameter 'run_id': send the id of a run.",
            )
        return named
