"""Which devices a strategy takes."""

import json

import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.training import configured, strategies, tensorflow_engine


@pytest.mark.parametrize("name", ["auto", "single"])
def test_one_device(name, gpus):
    gpus(0)
    strategy = strategies.create_strategy(name)
    assert not isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategies.describe(strategy) == "1 replica on CPU"


def test_mirrored_over_all_cpus(two_replicas, gpus):
    gpus(0)
    strategy = strategies.create_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategies.describe(strategy) == "2 replicas on CPU"


@pytest.mark.parametrize(("name", "replicas"), [("auto", 2), ("single", 1)])
def test_several_gpus(name, replicas, two_replicas, gpus):
    """Two CPU devices stand for GPUs."""
    gpus(2)
    strategy = strategies.create_strategy(name)
    assert strategy.num_replicas_in_sync == replicas


@pytest.fixture
def two_addresses(monkeypatch):
    """TF_CONFIG of the first of two workers."""
    workers = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}}
    task = {"task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers | task))


def lost(*args, **options):
    raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


def test_a_worker_lost_while_all_find_each_other(two_addresses, monkeypatch):
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lost)
    with pytest.raises(UserError, match="all 2 workers to answer"):
        strategies.create_strategy("multi_worker")


def test_a_worker_lost_while_weights_are_sent(
    two_addresses, monkeypatch, resolve, run_flags
):
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    monkeypatch.setattr(
        strategies, "answering", lambda _: strategies._answering(resolver)
    )
    monkeypatch.setattr(configured, "create_configured_model", lost)
    config = resolve(*run_flags, "--train_steps=1", "--run_dir=x")
    with pytest.raises(UserError, match="all 2 workers to answer"):
        tensorflow_engine.TensorFlowEngine(config)
