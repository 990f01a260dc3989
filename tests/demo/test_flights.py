"""What the models may know, and which flights they are judged on."""

import numpy as np
import pandas as pd
import pytest

from demo.flights import (
    SCHEDULE_FEATURES,
    WEATHER_FEATURES,
    as_inputs,
    prepare,
    read_tables,
)


@pytest.fixture(scope="module")
def tables():
    flights, weather = read_tables()
    return flights[flights["day"] <= 2], weather


@pytest.fixture(scope="module")
def windows(tables):
    return prepare(*tables)


def _day(rows: pd.DataFrame) -> pd.Series:
    return rows["row_key"].str.slice(0, 10)


def test_windows_follow_each_other_in_time(windows):
    assert _day(windows.training).max() < _day(windows.validation).min()
    assert _day(windows.validation).max() < _day(windows.test).min()
    assert _day(windows.test).max() < "2013-12-01"


def test_every_flight_is_in_a_window_or_counted_as_left_out(tables, windows):
    kept = sum(len(rows) for rows in windows.by_name().values())
    left_out = windows.cancelled + windows.diverted + windows.december
    assert kept + left_out == len(tables[0])


def test_row_keys_are_unique(windows):
    keys = pd.concat([rows["row_key"] for rows in windows.by_name().values()])
    assert keys.is_unique
    assert keys.str.fullmatch(r"2013-\d\d-\d\d/[A-Z0-9]{2}/\d+/(EWR|JFK|LGA)").all()


def test_a_flight_is_late_from_the_fifteenth_minute(tables, windows):
    flights = tables[0]
    november = flights[(flights["month"] == 11) & flights["arr_delay"].notna()]
    rows = windows.test[_day(windows.test) >= "2013-11-01"]
    assert rows["label"].sum() == (november["arr_delay"] >= 15).sum()


def test_features_do_not_depend_on_what_happens_after_the_timetable(tables):
    flights, weather = tables
    other = flights.assign(
        dep_time=flights["dep_time"] + 7,
        dep_delay=-99.0,
        air_time=1.0,
        arr_time=1.0,
    )
    before, after = prepare(flights, weather).test, prepare(other, weather).test
    pd.testing.assert_frame_equal(before, after)


def test_test_labels_do_not_leak_into_features(tables):
    flights, weather = tables
    is_test = flights["month"].isin([10, 11]) & flights["arr_delay"].notna()
    other = flights.assign(arr_delay=flights["arr_delay"].mask(is_test, 500.0))
    features = [*SCHEDULE_FEATURES, *WEATHER_FEATURES]
    pd.testing.assert_frame_equal(
        prepare(flights, weather).test[features], prepare(other, weather).test[features]
    )


def test_weather_of_the_hour_of_departure_is_not_used(tables):
    flights, weather = tables
    flight = flights[(flights["month"] == 11) & flights["arr_delay"].notna()].iloc[[0]]
    same_hour = (weather["origin"] == flight["origin"].item()) & (
        weather["time_hour"] == flight["time_hour"].item()
    )
    other = weather.assign(temp=weather["temp"].mask(same_hour, 999.0))
    assert same_hour.sum() == 1
    key = prepare(flights, weather).test["row_key"]
    at = key.str.startswith(
        f"2013-11-01/{flight['carrier'].item()}/{flight['flight'].item()}/"
    )
    assert at.sum() == 1
    assert prepare(flights, other).test.loc[at, "temperature_f"].item() < 999.0


def test_two_flights_with_one_row_key_are_refused(tables):
    flights, weather = tables
    twice = pd.concat([flights, flights.head(1)])
    with pytest.raises(ValueError, match="share a row key"):
        prepare(twice, weather)


def test_inputs_have_the_order_of_the_features(windows):
    inputs = as_inputs(windows.test, SCHEDULE_FEATURES)
    assert inputs.dtype == np.float32
    assert inputs.shape == (len(windows.test), len(SCHEDULE_FEATURES))
    assert (inputs[:, 0] == windows.test["weekday"]).all()
