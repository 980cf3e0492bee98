"""Diagnosis: the tests alarm at their stated rate under the true process, and find wrong ones."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from tsynth.data.streams import Streams
from tsynth.generators.point_process.excitation.diagnosis import (
    branching,
    branching_errors,
    by_type,
    diagnose,
    dispersion,
    residual_plot,
    time_rescaling,
    unit_gaps,
)
from tsynth.generators.point_process.excitation.expectation import fit_histogram
from tsynth.generators.point_process.excitation.fitting import fit
from tsynth.generators.point_process.excitation.foresight import next_event, waits
from tsynth.generators.point_process.excitation.power import fit_power
from tsynth.generators.point_process.excitation.process import (
    Baseline,
    Events,
    Exponentials,
    Histogram,
    PowerLaw,
    Process,
)
from tsynth.generators.point_process.excitation.residuals import intensities, measure
from tsynth.generators.point_process.excitation.simulation import simulate

TRUE = Process(
    Baseline(np.array([0.3, 0.2])),
    Exponentials(np.array([[[0.4, 0.3], [0.1, 0.5]]]), np.full((1, 1, 1), 1.5)),
)
KEY = Streams(1, "draws", range(1)).key


def drawn(process: Process, sequences: int, length: float, seed: int = 0) -> Events:
    streams = Streams(seed, "diagnosis", range(sequences))
    return simulate(
        process, np.zeros(sequences), np.full(sequences, length), key=streams.key, entities=streams.entities
    )


def usual(alarms: int, trials: int, rate: float = 0.05) -> bool:
    """Whether a number of alarms is one that chance gives but 1 time in 10,000."""
    return bool(binom.ppf(5e-5, trials, rate) <= alarms <= binom.isf(5e-5, trials, rate))


@pytest.mark.parametrize(("sequences", "length"), [(60, 3.0), (2, 90.0)])
def test_under_the_true_process_each_test_alarms_at_its_rate(sequences, length):
    """Of 200 data sets; each assertion fails by chance 1 in 10,000. Short windows: about 2 events in each."""
    alarms = np.zeros(4, int)
    for seed in range(200):
        events = drawn(TRUE, sequences, length, seed)
        found = measure(TRUE, events)
        gaps = unit_gaps(found, events)
        test = time_rescaling(gaps)
        own = [row["test"] for row in by_type(found, events)]
        naive = time_rescaling(found.together)
        alarms += [
            test["alarm"],
            abs(test["serial"]) > test["serial_band"],
            any(t["alarm"] for t in own if t),
            naive["alarm"],
        ]
    assert usual(alarms[0], 200)
    assert usual(alarms[1], 200)
    assert alarms[2] <= binom.isf(5e-5, 200, 0.05)  # Bonferroni: at most the rate
    if (
        length < 10
    ):  # planted fault: without the pieces that the windows' ends cut, short windows alarm always
        assert alarms[3] > 100


@pytest.mark.parametrize(
    "wrong",
    [
        Process(Baseline(np.array([1.1, 0.8])), Exponentials(np.zeros((1, 2, 2)), np.ones((1, 1, 1)))),
        replace(TRUE, kernel=Exponentials(TRUE.kernel.adjacency, np.full((1, 1, 1), 15.0))),
        replace(TRUE, baseline=Baseline(np.array([0.6, 0.4]))),
        Process(Baseline(np.array([0.3, 0.2])), PowerLaw(np.array([[0.4, 0.3], [0.1, 0.5]]), 1.0, 3.0)),
    ],
)
def test_a_wrong_process_is_found(wrong):
    events = drawn(TRUE, 300, 20.0)
    assert not time_rescaling(unit_gaps(measure(TRUE, events), events))["alarm"]
    assert time_rescaling(unit_gaps(measure(wrong, events), events))["alarm"]


def test_an_empty_sequence_is_time_too():
    """Sequences without events lengthen the gap that spans them, and that alone."""
    events = drawn(TRUE, 4, 5.0, 3)
    at = int(events.offsets[2])
    offsets = np.insert(events.offsets, 2, at)
    wide = replace(
        events, offsets=offsets, start=np.insert(events.start, 2, 0.0), end=np.insert(events.end, 2, 8.0)
    )
    before, after = (unit_gaps(measure(TRUE, e), e) for e in (events, wide))
    before[at] += 8.0 * 0.5
    np.testing.assert_allclose(after, before)


def test_given_events_excite_and_are_no_residuals():
    """Windows that an event opens, 200 data sets; fails by chance 1 in 10,000. Counting them alarms."""
    alarms = wrong = 0
    for seed in range(200):
        n = 80
        opening = Events(np.arange(n + 1), np.zeros(n), np.zeros(n, np.int64), np.zeros(n), np.zeros(n))
        streams = Streams(seed, "given", range(n))
        made = simulate(
            TRUE, np.zeros(n), np.full(n, 3.0), key=streams.key, entities=streams.entities, history=opening
        )
        at = made.offsets[:-1]
        events = Events(
            made.offsets + np.arange(n + 1),
            np.insert(made.times, at, 0.0),
            np.insert(made.types, at, 0),
            made.start,
            made.end,
            given=np.ones(n, np.int64),
        )
        gaps = unit_gaps(measure(TRUE, events), events)
        assert len(gaps) == made.n_events
        alarms += time_rescaling(gaps)["alarm"]
        free = replace(events, given=None)
        wrong += time_rescaling(unit_gaps(measure(TRUE, free), free))["alarm"]
    assert usual(alarms, 200)
    assert wrong > 150
    found = diagnose(TRUE, events, key=KEY)
    assert not found["dispersion"]["alarm"]
    assert sum(row["seen"] for row in found["types"]) == made.n_events


def test_no_events_and_one_event():
    none = Events(np.array([0, 0]), np.zeros(0), np.zeros(0, np.int64), np.zeros(1), np.ones(1))
    one = Events(np.array([0, 1]), np.array([0.5]), np.zeros(1, np.int64), np.zeros(1), np.ones(1))
    for events in (none, one):
        found = diagnose(TRUE, events, key=KEY)
        json.dumps(found, allow_nan=False)
        assert found["time_rescaling"]["count"] == events.n_events
        assert found["next_event"]["accuracy"] is None


def test_the_residual_plot_stays_in_its_band_as_often_as_it_says():
    """200 data sets at 95 %, the line drawn through its end; the grid of 200 points can only miss excursions."""
    outside = 0
    for seed in range(200):
        events = drawn(TRUE, 60, 3.0, seed)
        found = measure(TRUE, events)
        plot = residual_plot(unit_gaps(found, events), float(found.integral.sum()))
        away = np.abs(np.array(plot["seen"]) - plot["slope"] * np.array(plot["expected"]))
        outside += bool(away.max() > plot["band"])
    assert outside <= binom.isf(5e-5, 200, 0.05)
    assert outside >= 1


def test_the_interval_of_the_branching_ratio_covers_as_often_as_it_says():
    """2,000 estimates with independent normal errors of known size: 95 % within 4 standard errors (1 in 16,000)."""
    random = np.random.default_rng(5)
    errors = np.array([[0.05, 0.03], [0.02, 0.04]])
    covered = 0
    for _ in range(2000):
        matrix = TRUE.kernel.adjacency + random.normal(size=(2, 2)) * errors
        low, high = branching(replace(TRUE, kernel=replace(TRUE.kernel, adjacency=matrix)), errors)[
            "interval"
        ]
        covered += low <= TRUE.radius <= high
    assert abs(covered / 2000 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def errors_of(found) -> np.ndarray:
    return branching_errors(found.process, found.names, found.errors)


def test_the_interval_of_a_fitted_branching_ratio_covers():
    """150 fits of about 500 events each: intervals of 95 % cover 88 to 99 % (binomial, 1 in 5,000 outside)."""
    true = Process(Baseline(np.array([0.5])), Exponentials(np.full((1, 1, 1), 0.6), np.full((1, 1, 1), 2.0)))
    covered = 0
    for seed in range(150):
        found = fit(drawn(true, 20, 20.0, seed), types=1)
        low, high = branching(found.process, errors_of(found))["interval"]
        covered += low <= 0.6 <= high
    assert 0.88 <= covered / 150 <= 0.995


def test_errors_of_the_branching_matrix_come_from_the_parameters():
    edges = np.array([0.0, 1.0, 3.0])
    found = fit_histogram(drawn(TRUE, 50, 10.0), 2, edges)
    at = [found.names.index(f"height[{b},1,0]") for b in range(2)]
    wanted = np.sqrt(np.nansum((found.errors[at] * np.diff(edges)) ** 2))
    assert errors_of(found)[1, 0] == pytest.approx(wanted)
    law = fit_power(drawn(TRUE, 5, 10.0), 2)
    assert np.isnan(errors_of(law)).all()
    assert branching(law.process, errors_of(law))["interval"] is None


def test_an_exploding_process_is_called_so():
    process = Process(Baseline(np.ones(1)), Exponentials(np.full((1, 1, 1), 1.2), np.ones((1, 1, 1))))
    events = drawn(process, 20, 3.0)
    assert branching(process) == {"ratio": pytest.approx(1.2), "interval": None, "stable": False}
    assert any("explodes" in line for line in diagnose(process, events, key=KEY)["sentences"])


def test_dispersion_alarms_at_its_rate_and_finds_a_wrong_process():
    """80 data sets; fails by chance 1 in 10,000."""
    alarms = 0
    for seed in range(80):
        alarms += dispersion(TRUE, drawn(TRUE, 60, 4.0, seed), key=KEY, draws=39)["alarm"]
    assert usual(alarms, 80)
    poisson = Process(Baseline(np.array([1.1, 0.8])), Exponentials(np.zeros((1, 2, 2)), np.ones((1, 1, 1))))
    found = dispersion(poisson, drawn(TRUE, 2, 200.0), key=KEY)
    assert found["alarm"]
    assert found["seen"] > 2
    assert found["predicted"] == pytest.approx(1.0, abs=0.1)


# -- the next event -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "process",
    [
        TRUE,
        replace(TRUE, kernel=Exponentials(TRUE.kernel.adjacency, np.array([[[1.0, 3.0], [0.3, 2.0]]]))),
        replace(TRUE, kernel=Histogram(np.array([0.0, 0.5, 2.0]), np.stack([TRUE.kernel.adjacency[0]] * 2))),
        replace(TRUE, kernel=PowerLaw(TRUE.kernel.adjacency[0], 0.5, 1.3)),
        replace(
            TRUE,
            link="softplus",
            kernel=Exponentials(np.array([[[0.4, -0.9], [0.1, 0.5]]]), np.full((1, 1, 1), 1.5)),
        ),
        replace(
            TRUE, baseline=Baseline(TRUE.baseline.level, np.array([0, 0.3, 1]), np.array([[2.0], [0.5]]), 1.0)
        ),
    ],
)
def test_waits_are_those_of_the_intensity(process):
    """Median, mean and likeliest type against quadrature of the intensity, with history cut at the row: to 1 %."""
    events = drawn(TRUE, 3, 8.0, 4)
    rows = np.arange(events.n_events)[:: max(events.n_events // 4, 1)]
    median, mean, likely = waits(process, events, rows)
    for at, row in enumerate(rows):
        n = int(np.searchsorted(events.offsets, row, side="right")) - 1
        low = events.offsets[n]
        past = Events(
            np.array([0, row + 1 - low]),
            events.times[low : row + 1],
            events.types[low : row + 1],
            np.zeros(1),
            np.full(1, 99.0),
        )
        s = np.linspace(1e-9, 8.0, 40_001)
        rate = intensities(process, past, (np.array([0, len(s)]), events.times[row] + s))
        total = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]).sum(axis=1) / 2 * np.diff(s))])
        alive = np.exp(-total)
        half = np.interp(np.log(2), total, s) if total[-1] > np.log(2) else 8.0
        assert median[at] == pytest.approx(half, rel=0.01, abs=1e-4)
        assert mean[at] == pytest.approx(np.trapezoid(alive, s), rel=0.01)
        chance = (rate * alive[:, None]).sum(axis=0)
        assert likely[at] == np.argmax(chance) or abs(chance[0] / chance[1] - 1) < 0.02


def test_a_poisson_process_waits_as_its_rate_says():
    process = Process(Baseline(np.array([0.5, 1.5])), Exponentials(np.zeros((1, 2, 2)), np.ones((1, 1, 1))))
    events = drawn(process, 1, 50.0)
    median, mean, likely = waits(process, events, np.arange(events.n_events))
    np.testing.assert_allclose(median, np.log(2) / 2, rtol=1e-9)
    np.testing.assert_allclose(mean, 0.5, rtol=1e-5)
    assert set(likely) == {1}


def test_the_true_process_beats_the_trivial_predictors_and_a_wrong_one_does_not():
    events = drawn(TRUE, 400, 10.0)
    good = next_event(TRUE, events, train=drawn(TRUE, 400, 10.0, 1))
    assert good["sentences"] == []
    assert good["accuracy_at"]["process"] >= good["accuracy_at"]["trivial"]
    turned = replace(TRUE, baseline=Baseline(np.array([0.01, 9.0])))
    bad = next_event(turned, events)
    assert len(bad["sentences"]) >= 4
    assert any("most frequent type" in line for line in bad["sentences"])


def test_events_that_the_process_rules_out_have_no_likelihood():
    events = drawn(TRUE, 5, 10.0)
    never = Process(Baseline(np.array([1.0, 0.0])), Exponentials(np.zeros((1, 2, 2)), np.ones((1, 1, 1))))
    found = next_event(never, events)
    assert found["log_likelihood"]["process"] is None
    assert any("intensity 0" in line for line in found["sentences"])
    json.dumps(diagnose(never, events, key=KEY), allow_nan=False)


def test_diagnosis_is_plain_numbers_and_says_what_is_wrong():
    events = drawn(TRUE, 200, 10.0)
    found = diagnose(TRUE, events, key=KEY, errors=np.full((2, 2), 0.03))
    assert found["sentences"] == found["next_event"]["sentences"]
    json.dumps(found, allow_nan=False)
    times = np.round(events.times, 1)
    times = np.minimum(np.maximum(times, 0), 10)
    tied = diagnose(TRUE, replace(events, times=times), key=KEY)
    assert any("share their time" in line for line in tied["sentences"])
