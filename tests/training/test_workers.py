"""Two worker processes on this machine."""

import contextlib
import json
import re
import signal
import socket
import time
import types

import numpy as np
import pytest

from dlgn_tf import evaluate
from dlgn_tf.training.run_directory import RunDirectory

# Starting and tracing take most of it, and more on a busy machine.
LONGEST = 240
LONGEST_DETECTION = 60
STEPS = 20

FLAGS = (
    "--model=resnet20_dnn",
    "--depth=8",
    "--width=4",
    "--dataset=folder",
    # Images stay files.
    "--cache_gib=0",
    "--augmentation=flip_crop",
    "--optimizer=sgd",
    # Small: at 0.005 rounding alone, such as that of sums over both workers,
    # grows to 0.0004 within these steps.
    "--learning_rates=0.0005",
    "--l2=0.0001",
    "--batch_size=32",
    "--eval_batch_size=359",
    "--log_every=5",
    "--eval_every=10",
    "--checkpoint_every=4",
    "--keep_checkpoints=1000000",
    "--deterministic",
    "--strategy=multi_worker",
)

# Besides, the weights that a process ends with are written to `place`.
KEEPS_WEIGHTS = """
import numpy as np

from dlgn_tf.training import loop


class Run(loop._Run):
    def to_the_end(self):
        last = super().to_the_end()
        np.savez({place!r}, *self.engine.model.get_weights())
        return last


loop._Run = Run
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="module")
def images(place, write_images):
    """1,440 training and 360 test images."""
    write_images(place / "images", (8, 8, 1), 600)
    return f"--data_dir={place / 'images'}"


@pytest.fixture(scope="module")
def two_workers(start_training_of_all, images):
    """Starts two processes; what is left of them at the end is killed.

    There is one for each entry of `more`, the flags that it alone is given.
    """

    @contextlib.contextmanager
    def start(place, run_dir, steps, more=((), ())):
        place.mkdir()
        addresses = [f"127.0.0.1:{port}" for port in free_ports(len(more))]
        flags = [*FLAGS, images]
        flags += [f"--train_steps={steps}", f"--run_dir={run_dir}"]
        workers = []
        try:
            for index, own in enumerate(more):
                task = {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
                worker = start_training_of_all(
                    place,
                    *flags,
                    *own,
                    first=KEEPS_WEIGHTS.format(place=f"{place}/worker{index}"),
                    variables={
                        # As on machines of their own, that have no GPU to
                        # share.
                        "CUDA_VISIBLE_DEVICES": "",
                        "TF_CONFIG": json.dumps(task),
                    },
                )
                workers.append(worker)
            yield workers
        finally:
            for worker in workers:
                worker.discard()

    return start


def finish(place, workers):
    """Waits for all; returns what they wrote."""
    codes = [worker.end().returncode for worker in workers]
    assert codes == [0] * len(workers), [worker.stderr for worker in workers]
    return types.SimpleNamespace(
        logs=["\n".join(worker.lines) for worker in workers],
        weights=[weights_in(f) for f in sorted(place.glob("*.npz"))],
    )


def weights_in(file):
    with np.load(file) as arrays:
        return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


def checkpoints(run_dir):
    return sorted((run_dir / "checkpoints").glob("ckpt-*.json"))


def wait_for_checkpoints(run_dir, workers, count):
    ends = time.monotonic() + LONGEST
    while len(checkpoints(run_dir)) < count and time.monotonic() < ends:
        assert [worker.returncode for worker in workers] == [None, None]
        time.sleep(0.05)


def entries(run_dir):
    return sorted(path.name for path in run_dir.iterdir())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def whole(place, two_workers):
    """A run in one go."""
    with two_workers(place / "whole", place / "whole_run", STEPS) as workers:
        return finish(place / "whole", workers)


@pytest.fixture(scope="module")
def interrupted(place, two_workers):
    """A run whose second worker is killed in the middle, then both anew."""
    run_dir, lost = place / "interrupted_run", place / "lost"
    with two_workers(lost, run_dir, 10**6) as workers:
        wait_for_checkpoints(run_dir, workers, 2)
        workers[1].send(signal.SIGKILL)
        killed = time.monotonic()
        code = workers[0].end().returncode
        seconds = time.monotonic() - killed
        said = workers[0].stderr
    # Worker 0 may have come further than the run is to go.
    for manifest in checkpoints(run_dir)[1:]:
        for part in manifest.parent.glob(f"{manifest.stem}.*"):
            part.unlink()
    again = place / "again"
    with two_workers(again, run_dir, STEPS) as workers:
        done = finish(again, workers)
    return types.SimpleNamespace(
        code=code, seconds=seconds, said=said, done=done, run_dir=run_dir
    )


@pytest.fixture(scope="module")
def asked_to_end(place, two_workers):
    """A run of which only the second worker gets a SIGTERM.

    Then both anew, with no step to take and the last result lost.
    """
    run_dir, asked = place / "asked_run", place / "asked"
    with two_workers(asked, run_dir, STEPS * 10**5) as workers:
        wait_for_checkpoints(run_dir, workers, 2)
        workers[1].send(signal.SIGTERM)
        codes = [worker.end().returncode for worker in workers]
        lines = [worker.lines for worker in workers]
        said = [worker.stderr for worker in workers]
    stopped_at = max(int(x.stem[5:]) for x in checkpoints(run_dir))
    (run_dir / "metrics.jsonl").unlink(missing_ok=True)
    again = place / "asked_again"
    with two_workers(again, run_dir, stopped_at) as workers:
        done = finish(again, workers)
    return types.SimpleNamespace(
        codes=codes,
        lines=lines,
        said=said,
        stopped_at=stopped_at,
        done=done,
        run_dir=run_dir,
    )


def test_signal_to_one_worker_ends_all_of_them(asked_to_end):
    assert asked_to_end.codes == [128 + signal.SIGTERM] * 2, asked_to_end.said
    for lines, said in zip(asked_to_end.lines, asked_to_end.said, strict=True):
        assert "Traceback" not in "".join(said)
        expected = (
            f"stopped by SIGTERM and saved at step {asked_to_end.stopped_at} "
        )
        assert lines[-1].startswith(expected)
    reached = f"already at step {asked_to_end.stopped_at}"
    assert reached in asked_to_end.done.logs[0]


def test_lost_result_is_measured_again_by_all(asked_to_end):
    (found,) = RunDirectory(asked_to_end.run_dir).read_metrics()
    expected = evaluate.evaluate(asked_to_end.run_dir)
    assert found["step"] == expected["step"] == asked_to_end.stopped_at
    # Two images whose best logits nearly tie may go either way.
    assert found["test_accuracy"] == pytest.approx(
        expected["test_accuracy"], abs=2.01 / 360
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ((), ("--batch_size=16",)),
            "as --batch_size=32 of worker 0. Received: --batch_size=16 of "
            "worker 1",
        ),
        (
            ((), (), ("--seed=1", "--test_share=0.5")),
            "--seed=1, --test_share=0.5, .* of worker 2 and 1 more$",
        ),
    ],
    ids=["two", "three"],
)
def test_workers_that_disagree_end_in_the_same_line(
    more, said, tmp_path, two_workers
):
    run_dir = tmp_path / "run"
    with two_workers(tmp_path / "place", run_dir, STEPS, more) as workers:
        (line,) = {worker.refused() for worker in workers}
    assert re.search(said, line), line
    assert not run_dir.exists()


def test_only_the_chief_writes(whole, place):
    assert entries(place / "whole_run") == [
        "best.keras",
        "checkpoints",
        "data.json",
        "flags.txt",
        "lock",
        "metrics.jsonl",
        "model.keras",
        "test",
        "train",
    ]
    chief, other = whole.logs
    assert "2 replicas on CPU in 2 processes" in chief
    for line in ("test accuracy", "training: step", "run directory"):
        assert line in chief
        assert line not in other
    lines = RunDirectory(place / "whole_run").read_metrics()
    assert [line["step"] for line in lines] == [10, 20]
    for name in ("train", "test"):
        assert len(list((place / "whole_run" / name).iterdir())) == 1


def test_workers_end_with_the_same_weights(whole):
    one, two = whole.weights
    np.testing.assert_equal(one, two)


def test_workers_equal_one_process(
    whole, place, images, resolve, train, load_model, tmp_path
):
    flags = [x for x in FLAGS if x != "--deterministic"]
    flags += [images]
    flags += ["--strategy=single", f"--train_steps={STEPS}"]
    train(resolve(*flags, f"--run_dir={tmp_path}"))
    alone = load_model(tmp_path)
    model = load_model(place / "whole_run")
    for variable, expected in zip(model.weights, alone.weights, strict=True):
        np.testing.assert_allclose(
            variable, expected, rtol=0, atol=1e-5, err_msg=variable.path
        )
    lines, expected = (
        RunDirectory(d).read_metrics() for d in (place / "whole_run", tmp_path)
    )
    for one, other in zip(lines, expected, strict=True):
        for name in ("step", "test_images"):
            assert one[name] == other[name]
        for name in ("test_accuracy", "best_test_accuracy"):
            assert one[name] == pytest.approx(other[name], abs=1.01 / 360)
        name = "test_classification_loss"
        assert one[name] == pytest.approx(other[name], abs=1e-5)


def test_lost_worker_ends_the_others_in_one_line(interrupted):
    assert interrupted.code == 2, interrupted.said
    assert interrupted.seconds < LONGEST_DETECTION
    assert "Traceback" not in "".join(interrupted.said)
    lines = [x for x in interrupted.said if "dlgn_tf.train:" in x]
    assert len(lines) == 1
    assert "Expected all 2 workers to answer. Received: " in lines[0]
    assert "start all of them again" in lines[0]
    assert interrupted.said[-1] == lines[0]
    assert len(lines[0]) < 400


def test_both_again_end_with_the_same_bits(interrupted, whole, place):
    assert "continuing at step 4" in interrupted.done.logs[0]
    np.testing.assert_equal(interrupted.done.weights, whole.weights)
    assert entries(interrupted.run_dir) == entries(place / "whole_run")
    metrics = [
        (d / "metrics.jsonl").read_text()
        for d in (interrupted.run_dir, place / "whole_run")
    ]
    assert metrics[0] == metrics[1]
