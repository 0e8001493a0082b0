"""Cycles against least squares and against errors over all rows."""

import numpy as np
import pytest

from dlgn_tf.complexity import cycle
from dlgn_tf.complexity.cycle import CycleSettings
from dlgn_tf.errors import UserError

CHANNELS, OTHERS = 5, (5, 3, 4)


@pytest.fixture
def psi(rng):
    mixing = rng.normal(size=(CHANNELS, CHANNELS))
    return (rng.normal(size=(24, 2, 3, CHANNELS)) @ mixing).astype("float32")


@pytest.fixture
def forward(rng):
    return [rng.normal(size=(CHANNELS, c)).astype("float32") for c in OTHERS]


@pytest.fixture
def back(rng):
    return [
        0.3 * rng.normal(size=(c, CHANNELS)).astype("float32") for c in OTHERS
    ]


def once(psi, forward, back):
    """A cycle as the paper writes it, network by network."""
    return sum(psi @ g @ h for g, h in zip(forward, back, strict=True)) / 3


def test_cycles_are_matrices(psi, forward, back):
    expected = psi
    for cycles in range(4):
        matrix = cycle.reliable_matrix(forward, back, cycles)
        np.testing.assert_allclose(
            psi @ matrix, expected @ forward[0], rtol=1e-4, atol=1e-4
        )
        expected = once(expected, forward, back)


def test_back_maps_are_least_squares(psi, forward):
    rows = psi.reshape(-1, CHANNELS).astype("float64")
    found = cycle.truncated_back_maps(forward, rows.T @ rows / len(rows), 1e-9)
    for g, h in zip(forward, found, strict=True):
        expected = np.linalg.lstsq(rows @ g, rows, rcond=None)[0]
        np.testing.assert_allclose(h, expected, rtol=1e-5, atol=1e-7)


def test_cutoff_leaves_small_directions_out():
    forward = [np.diag([1.0, 1e-3, 0.0])]
    (exact,) = cycle.truncated_back_maps(forward, np.eye(3), 1e-6)
    (cut,) = cycle.truncated_back_maps(forward, np.eye(3), 1e-2)
    np.testing.assert_allclose(
        forward[0] @ exact, np.diag([1, 1, 0]), atol=1e-9
    )
    np.testing.assert_allclose(forward[0] @ cut, np.diag([1, 0, 0]), atol=1e-9)


@pytest.mark.parametrize("cycles", [0, 1, 3])
def test_a_step_of_a_phase(psi, forward, back, cycles):
    """Error over all rows; Adam's first step is the gradient's sign."""
    phase = cycle._Phase(forward, back)
    psi = (psi / psi.std()).astype("float32")
    error = phase(psi, cycles, 1e-3, batch_size=100)
    rows = psi.reshape(-1, CHANNELS).astype("float64")
    for _ in range(cycles):
        rows = once(rows, forward, back)
    expected = 0
    for g, h, now in zip(forward, back, phase.back, strict=True):
        residual = rows @ g @ h - rows
        expected += np.mean(residual**2)
        gradient = (rows @ g).T @ residual
        clear = np.abs(gradient) > 1e-2 * np.abs(gradient).max()
        step = np.asarray(now) - h
        np.testing.assert_allclose(
            step[clear], -1e-3 * np.sign(gradient)[clear], rtol=3e-2
        )
    assert error == pytest.approx(expected, rel=1e-4)


def test_mean_error_over_batches(psi, forward, back):
    """With a rate of nearly 0 the batches' mean is the error of all."""
    whole = cycle._Phase(forward, back)(psi, 2, 1e-12, 24)
    parts = cycle._Phase(forward, back)(psi, 2, 1e-12, 8)
    assert parts == pytest.approx(whole, rel=1e-4)


def test_budgeted_maps_come_near_the_exact_ones(psi, forward, back):
    """With one phase and a long budget the way back is least squares."""
    forward = [g / np.linalg.norm(g) for g in forward]
    psi = psi / psi.std()
    asked, told = [], []

    def draw(index):
        asked.append(index)
        return psi

    found = cycle.train_back_maps(
        draw,
        forward,
        CycleSettings(epochs=400, phases=1, batch_size=4, first_rate=3e-2),
        back,
        lambda done, error: told.append(error),
    )
    rows = psi.reshape(-1, CHANNELS).astype("float64")
    exact = cycle.truncated_back_maps(forward, rows.T @ rows / len(rows), 1e-9)
    errors = [
        sum(
            np.mean((rows @ g @ h - rows) ** 2)
            for g, h in zip(forward, maps, strict=True)
        )
        for maps in (back, found, exact)
    ]
    assert errors[2] <= errors[1] < errors[2] + 0.02 * errors[0]
    assert asked == list(range(400))
    assert len(told) == 400


def test_phases_sweep_in_every_epoch(psi, forward, back, monkeypatch):
    seen = []
    monkeypatch.setattr(
        cycle._Phase,
        "__call__",
        lambda self, psi, cycles, rate, size: seen.append((cycles, rate, size)),
    )
    settings = CycleSettings(epochs=2, phases=3, batch_size=9)
    cycle.train_back_maps(lambda index: psi, forward, settings, back)
    assert [s[0] for s in seen] == [0, 1, 2, 0, 1, 2]
    np.testing.assert_allclose([s[1] for s in seen], [1e-3] * 3 + [1e-4] * 3)
    assert {s[2] for s in seen} == {9}


def test_unknown_method():
    with pytest.raises(UserError, match="budgeted, truncated_svd"):
        CycleSettings(method="exact")
