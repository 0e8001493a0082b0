"""Which devices a strategy takes."""

import pytest
import tensorflow as tf

from dlgn_tf.training import strategies


def _hide_gpus(monkeypatch, devices=0):
    logical = tf.config.list_logical_devices

    def listed(kind=None):
        cpus = logical("CPU")
        return cpus[:devices] if kind == "GPU" else logical(kind)

    monkeypatch.setattr(tf.config, "list_logical_devices", listed)


@pytest.mark.parametrize("name", ["auto", "single"])
def test_one_device(name, monkeypatch):
    _hide_gpus(monkeypatch)
    strategy = strategies.create_strategy(name)
    assert not isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategies.describe(strategy) == "1 replica on CPU"


def test_mirrored_over_all_cpus(two_replicas, monkeypatch):
    _hide_gpus(monkeypatch)
    strategy = strategies.create_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategies.describe(strategy) == "2 replicas on CPU"


@pytest.mark.parametrize(("name", "replicas"), [("auto", 2), ("single", 1)])
def test_several_gpus(name, replicas, two_replicas, monkeypatch):
    """Two CPU devices stand for GPUs."""
    _hide_gpus(monkeypatch, devices=2)
    strategy = strategies.create_strategy(name)
    assert strategy.num_replicas_in_sync == replicas
