"""tools/reproduce.py without its workers."""

import pytest

from dlgn_tf.reproduction import plan, results, tables, worker


@pytest.fixture
def tool(load_tool):
    return load_tool("reproduce")


class Pool:
    """Says of every run that it is finished."""

    def __init__(self, jobs, on_start, on_end, on_tick):
        self._on_start, self._on_end = on_start, on_end

    def train(self, runs):
        for run in runs:
            self._on_start(run)
            self._on_end(run, worker.FINISHED, "")


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (None, "a line of step 40 in metrics.jsonl"),
        (
            '{"step": 20, "test_accuracy": 0.5, "test_images": 360}\n',
            "a line of step 40 in metrics.jsonl",
        ),
        ("damaged\n", "damaged"),
    ],
)
def test_a_finished_run_without_its_result_has_failed(
    tool, root, tmp_path, monkeypatch, capsys, metrics, words
):
    monkeypatch.setattr(tool.pool, "Pool", Pool)
    table = tables.load(root, "dlgn.1")
    places = plan.Places(root, tmp_path / "runs")
    runs = plan.make(table, "smoke", places, patterns="cifar10_dnn")
    folder = tmp_path / "runs" / "cifar10_dnn" / "seed-0"
    one = tool.Reproduction(
        tool.Command(scale="smoke"), table, runs, tmp_path / "out"
    )

    def lose(self, waiting, real=Pool.train):
        folder.mkdir(parents=True)
        (folder / "model.keras").touch()
        if metrics is not None:
            (folder / "metrics.jsonl").write_text(metrics)
        return real(self, waiting)

    monkeypatch.setattr(Pool, "train", lose)
    assert one.to_the_end() == 1
    out = capsys.readouterr().out
    (line,) = [x for x in out.splitlines() if "seed-0 failed: " in x]
    assert words in line
    written = (tmp_path / "out" / "results.md").read_text()
    assert "- cifar10_dnn/seed-0: Expected" in written


def test_a_run_without_a_checkpoint_hinders_nothing(root, tmp_path):
    """What a kill leaves between flags.txt and the first checkpoint."""
    table = tables.load(root, "dlgn.1")
    places = plan.Places(root, tmp_path / "runs")
    (run,) = plan.make(table, "smoke", places, patterns="cifar10_dnn")
    folder = tmp_path / "runs" / "cifar10_dnn" / "seed-0"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "flags.txt").write_text(run.config.to_flags())
    assert results.of_run(run) is None
