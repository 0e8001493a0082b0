"""What the real TensorBoard serves of a run, asked over HTTP."""

import contextlib
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
from PIL import Image
from tensorboard import program
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from dlgn_tf.training.event_file import EventFile, read_events
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.summaries import Summaries, gate_sample_stride
from dlgn_tf.training.totals import Totals

SITES = ["conv1", "conv2", "dense1", "dense2"]
LONGEST_WAIT = 90


class Server:
    """TensorBoard on a free port of this machine."""

    def __init__(self, logdir):
        board = program.TensorBoard()
        board.configure(
            [
                "tensorboard",
                f"--logdir={logdir}",
                "--port=0",
                "--host=127.0.0.1",
                "--load_fast=false",
                "--reload_interval=1",
                "--samples_per_plugin=images=100",
            ]
        )
        self.url = board.launch().rstrip("/")

    def raw(self, path, post=None, **query):
        url = f"{self.url}/data/plugin/{path}"
        if query:
            url += f"?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url)
        if post is not None:
            request.data = json.dumps(post).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.read()

    def get(self, path, post=None, **query):
        return json.loads(self.raw(path, post, **query))

    def wait_for(self, ready):
        """Waits until `ready(self)`, while the server reads the files."""
        deadline = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                if ready(self):
                    return
            time.sleep(0.2)
        raise TimeoutError

    def scalars(self, run, tag):
        """A scalar's points as a dict from step to value."""
        points = self.get("scalars/scalars", run=run, tag=tag)
        assert len({step for _, step, _ in points}) == len(points)
        return {step: value for _, step, value in points}


def _everything_is_read(server):
    tags = server.get("scalars/tags")
    return (
        10 in server.scalars("train", "error_rate")
        and "gates_open/dense2" in tags["test"]
        and 10 in server.scalars("test", "gates_open/dense2")
        and "gates/dense2" in server.get("histograms/tags")["test"]
    )


@pytest.fixture(scope="module")
def server(resumed_run):
    running = Server(resumed_run.path)
    running.wait_for(_everything_is_read)
    return running


@pytest.fixture(scope="module")
def metrics(resumed_run):
    return RunDirectory(resumed_run.path).read_metrics()


@pytest.fixture(scope="module")
def preactivations(expected_run):
    """A function from a step to the pre-activations of 64 test images."""

    def at(step):
        expected_run.model.set_weights(expected_run.weights[step])
        images = expected_run.test_images.images[:64]
        named = expected_run.model.preactivations(images)
        return {site: q.numpy() for site, q in named.items()}

    return at


def test_tags(server):
    scalars = server.get("scalars/tags")
    assert set(scalars["train"]) == {
        "error_rate",
        "classification_loss",
        "train/regularization_loss",
        "train/learning_rate",
        "train/images_per_second",
    }
    assert set(scalars["test"]) == {
        "error_rate",
        "classification_loss",
        *(f"gates_open/{site}" for site in SITES),
    }
    histograms = server.get("histograms/tags")
    assert set(histograms["test"]) == {f"gates/{site}" for site in SITES}


def test_training_curves(server, expected_run):
    """Means over the two steps before each point, across the resume."""
    served = {
        tag.removeprefix("train/"): server.scalars("train", tag)
        for tag in (
            "error_rate",
            "classification_loss",
            "train/regularization_loss",
        )
    }
    for values in served.values():
        assert list(values) == [2, 4, 6, 8, 10]
    for step in (2, 4, 6, 8, 10):
        steps = expected_run.measured[step - 2 : step]
        losses = np.concatenate([m.losses for m in steps])
        assert len(losses) == 64
        assert served["classification_loss"][step] == pytest.approx(
            losses.mean(), rel=1e-4
        )
        assert served["error_rate"][step] == pytest.approx(
            sum(m.errors for m in steps) / 64, abs=1.1 / 64
        )
        assert served["regularization_loss"][step] == pytest.approx(
            np.mean([m.regularization for m in steps]), rel=1e-4
        )


def test_learning_rate_is_that_of_the_next_step(server):
    # The boundary is 4, at which the old rate still holds.
    assert server.scalars("train", "train/learning_rate") == {
        2: pytest.approx(0.1),
        4: pytest.approx(0.1),
        6: pytest.approx(0.05),
        8: pytest.approx(0.05),
        10: pytest.approx(0.05),
    }


def test_images_per_second_are_positive(server):
    speed = server.scalars("train", "train/images_per_second")
    assert list(speed) == [2, 4, 6, 8, 10]
    assert all(0 < value < 1e7 for value in speed.values())


@pytest.mark.parametrize("name", ["error_rate", "classification_loss"])
def test_test_curves_equal_metrics(name, server, metrics):
    values = server.scalars("test", name)
    assert list(values) == [3, 6, 9, 10]
    for line in metrics:
        assert values[line["step"]] == pytest.approx(
            line[f"test_{name}"], rel=1e-6
        )


@pytest.mark.parametrize("site", SITES)
def test_fraction_of_open_gates(site, server, preactivations):
    values = server.scalars("test", f"gates_open/{site}")
    assert list(values) == [3, 6, 9, 10]
    for step, value in values.items():
        q = preactivations(step)[site]
        # One that lies next to 0 may fall on either side.
        allowed = max(2 / q.size, 1e-3)
        assert value == pytest.approx((q > 0).mean(), abs=allowed)


@pytest.mark.parametrize("site", SITES)
def test_histograms_of_gates(site, server, preactivations):
    served = server.get(
        "histograms/histograms", run="test", tag=f"gates/{site}"
    )
    assert [step for _, step, _ in served] == [3, 6, 9, 10]
    for _, step, buckets in served:
        lefts, rights, counts = np.transpose(buckets)
        gates = 1 / (1 + np.exp(-10.0 * preactivations(step)[site]))
        # 64 images: no site has more than 64 * 512 gates, so that at most
        # every second one is left out.
        assert gates.size / 2 <= counts.sum() <= gates.size
        assert lefts[0] == pytest.approx(gates.min(), abs=0.01)
        assert rights[-1] == pytest.approx(gates.max(), abs=0.01)
        mean = (counts * (lefts + rights) / 2).sum() / counts.sum()
        width = rights[0] - lefts[0]
        assert mean == pytest.approx(gates.mean(), abs=width / 2 + 0.01)


@pytest.mark.parametrize(
    "shape", [(32, 32, 16), (16, 16, 32), (16, 16, 128), (2, 2, 512), (300,)]
)
def test_every_filter_is_in_the_histogram(shape):
    """Filter c has gate c everywhere."""

    filters = np.arange(shape[-1])
    flat = np.broadcast_to(filters, (64, *shape)).reshape(-1)
    sample = flat[:: gate_sample_stride((64, *shape))]
    assert len(sample) <= 40_000
    filters, counts = np.unique(sample, return_counts=True)
    assert len(filters) == shape[-1]
    assert counts.max() <= 3 * counts.min()


def test_input_images(server, resumed_run):
    """Those of the first batch of each start with other flags, as stored."""
    from dlgn_tf.data import batches, sources

    tags = server.get("images/tags")["train"]
    assert set(tags) == {"train/images"}
    assert tags["train/images"]["samples"] == 16
    train_images, _ = sources.load("digits", train_examples=230)
    sampler = batches.BatchSampler(train_images, 32, seed=7)
    for sample in (0, 15):
        listed = server.get(
            "images/images", run="train", tag="train/images", sample=sample
        )
        assert [entry["step"] for entry in listed] == [0, 6]
        for entry in listed:
            png = server.raw(f"images/individualImage?{entry['query']}")
            assert png.startswith(b"\x89PNG")
            decoded = np.asarray(Image.open(io.BytesIO(png)))
            images, _ = sampler.batch_at(entry["step"])
            np.testing.assert_array_equal(decoded, images[sample, :, :, 0])


def test_flags_as_text(server):
    assert server.get("text/tags") == {"train": ["flags"]}
    events = server.get("text/text", run="train", tag="flags")
    assert [event["step"] for event in events] == [0, 6]
    for event, steps in zip(events, (6, 10), strict=True):
        text = event["text"]
        assert "<code>" in text
        lines = text.replace("<pre>", "").replace("<code>", "").splitlines()
        assert "--model=vconv_dlgn" in lines
        assert "--learning_rates=0.1,0.05" in lines
        assert f"--train_steps={steps}" in lines


def test_hyper_parameters(server, metrics):
    experiment = server.get("hparams/experiment", post={"experimentName": ""})
    names = {entry["name"] for entry in experiment["hparamInfos"]}
    assert {"model", "width", "learning_rates", "l2", "seed"} <= names
    groups = server.get(
        "hparams/session_groups",
        post={
            "experimentName": "",
            "colParams": [
                {
                    "metric": {"group": "", "tag": "error_rate"},
                    "order": "ORDER_UNSPECIFIED",
                }
            ],
            "allowedStatuses": [
                "STATUS_SUCCESS",
                "STATUS_RUNNING",
                "STATUS_UNKNOWN",
                "STATUS_FAILURE",
            ],
            "startIndex": 0,
            "sliceSize": 10,
        },
    )["sessionGroups"]
    assert len(groups) == 1
    shown = groups[0]["hparams"]
    assert shown["model"] == "vconv_dlgn"
    assert shown["width"] == 4
    assert shown["learning_rates"] == "0.1,0.05"
    assert shown["nesterov"] is True
    assert shown["l2"] == pytest.approx(0.001)
    values = {
        entry["name"]["tag"]: entry["value"]
        for entry in groups[0]["metricValues"]
    }
    assert values["error_rate"] == pytest.approx(
        metrics[-1]["test_error_rate"], rel=1e-6
    )


@pytest.mark.parametrize("old", [False, True])
def test_names_are_those_with_which_a_run_began(tmp_path, old):
    """New runs share a chart; an old one goes on in the two that it has."""
    if old:
        with_old_names = EventFile(tmp_path / "train")
        with_old_names.add(scalar_pb("train/error_rate", 0.5), 1)
        with_old_names.flush()
    summaries = Summaries(tmp_path, 1)
    totals = Totals(images=4, errors=1.0)
    summaries.training(totals, 0.1, 10.0, 2)
    summaries.evaluation(totals, 2)
    summaries.flush()
    found = {
        run: {tag for step, tag, _ in read_events(tmp_path / run) if step == 2}
        for run in ("train", "test")
    }
    shared = {"error_rate", "classification_loss"}
    assert (shared <= found["train"] & found["test"]) == (not old)
    assert ("test/error_rate" in found["test"]) == old
    assert ("train/error_rate" in found["train"]) == old
    assert "train/learning_rate" in found["train"]
