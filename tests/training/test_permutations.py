"""--gate_permutation=all: one run a permutation, then a summary."""

import csv
import dataclasses
import itertools
import pathlib
import signal
import statistics
import types

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives, registry
from dlgn_tf.models.build import create_model
from dlgn_tf.training import configured, loop, permutations

FLAGS = (
    "--model=c4gap_dlgn",
    "--dataset=digits",
    "--depth=3",
    "--width=4",
    "--batch_size=32",
    "--train_steps=2",
    "--gate_permutation=all",
)
DIGITS = ["".join(p) for p in itertools.permutations("012")][1:]


@pytest.fixture
def config(resolve, tmp_path):
    return resolve(*FLAGS, f"--run_dir={tmp_path}/run")


def test_runs_of_it(config):
    singles = permutations.single_runs(config)
    assert list(singles) == DIGITS
    for digits, single in singles.items():
        assert single.run_dir == f"{config.run_dir}/permutation-{digits}"
        assert single.gate_permutation == tuple(map(int, digits))
        assert configured.create_configured_model(single).gate_permutation == (
            single.gate_permutation
        )


def test_four_sites_have_23(resolve):
    config = resolve("--gate_permutation=all")
    assert len(permutations.single_runs(config)) == 23


@pytest.mark.parametrize(
    "arguments,groups",
    [
        ("--model=gconv_dlgn", ["01", "23", "45"]),
        ("--model=gconv_dlgn --depth=3", ["0", "12", "34"]),
        ("--model=vconv_dgn --depth=1", ["0", "12"]),
    ],
)
def test_gates_keep_to_sites_of_their_shape(resolve, arguments, groups):
    """Shapes are those of the network that is built."""
    config = resolve("--gate_permutation=all", *FLAGS[1:2], *arguments.split())
    orders = ["".join(map(str, order)) for order in permutations.orders(config)]
    expected = itertools.product(*map(itertools.permutations, groups))
    assert orders == ["".join(itertools.chain(*o)) for o in expected][1:]
    plain = dataclasses.replace(config, gate_permutation=None)
    shapes = configured.create_configured_model(plain).site_shapes.values()
    for order in orders:
        moved = [list(shapes)[int(site)] for site in order]
        assert moved == list(shapes)


@pytest.mark.parametrize("name", ["vgg11", "vgg19", "fcresnet", "c4gap"])
def test_groups_of_sites_are_those_of_the_network(name):
    model = create_model(f"{name}_dlgn", width=1)
    architecture, _ = registry.parse(f"{name}_dlgn")
    groups = itertools.groupby(model.site_shapes.values())
    counted = [len(list(group)) for _, group in groups]
    # The last two groups of a VGG have as many filters, and other sides.
    assert architecture.alike_sites(architecture.resolve({})) == counted


def test_stopped_and_continued(
    config, fake_engine, tmp_path, monkeypatch, capsys
):
    trained = []
    real = loop.train

    def train(single):
        if len(trained) == 2:
            raise loop.Stopped(signal.SIGTERM, "stopped")
        trained.append(single.gate_permutation)
        return real(single)

    with monkeypatch.context() as context:
        context.setattr(loop, "train", train)
        with pytest.raises(loop.Stopped) as stopped:
            permutations.train_all(config)
    assert stopped.value.signal == signal.SIGTERM
    text = str(stopped.value)
    assert DIGITS[2] in text and "2 of 5 are finished" in text
    assert f"--flagfile={config.run_dir}/flags.txt" in text
    path = tmp_path / "run"
    before = (path / "permutation-021" / "model.keras").stat().st_mtime_ns

    permutations.train_all(config)
    after = (path / "permutation-021" / "model.keras").stat().st_mtime_ns
    assert after == before
    with (path / "permutations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["permutation"] for row in rows] == DIGITS
    accuracies = []
    for row in rows:
        run = path / f"permutation-{row['permutation']}"
        line = (run / "metrics.jsonl").read_text().splitlines()[-1]
        assert f'"test_accuracy": {row["test_accuracy"]}' in line
        assert row["step"] == "2"
        accuracies.append(100 * float(row["test_accuracy"]))
    printed = capsys.readouterr().out.splitlines()
    mean, std = statistics.mean(accuracies), statistics.pstdev(accuracies)
    assert (
        f"5 permutations: test accuracy {mean:.2f} +- {std:.2f}" in printed[-1]
    )
    finished = [x for x in printed if x.startswith("permutation ")]
    assert len(finished) == 2 + 5
    assert (path / "flags.txt").read_text() == config.to_flags()


def test_of_numbers_the_score_is_r2(resolve, fake_engine, tmp_path, capsys):
    of_numbers = {**vars(fake_engine.model), "objective": objectives.Numbers()}
    fake_engine.model = types.SimpleNamespace(**of_numbers)
    flags = "--model=fc_dlgn --depth=3 --dataset=sklearn:diabetes --regression"
    permutations.train_all(
        resolve(*flags.split(), *FLAGS[3:], f"--run_dir={tmp_path}/run")
    )
    # One order of two sites is left; the engine's score grows with its steps.
    with (tmp_path / "run" / "permutations.csv").open() as file:
        (row,) = csv.DictReader(file)
    expected = {"permutation": "10", "step": "2"}
    scores = {"test_r2": "0.002", "best_test_r2": "0.002"}
    assert row == {**expected, **scores}
    assert "1 permutations: test R² 0.20 +- 0.00 %" in capsys.readouterr().out


def test_runs_of_other_flags_are_not_taken(config, fake_engine, monkeypatch):
    monkeypatch.setattr(
        permutations, "single_runs", lambda config: first_of(config)
    )
    permutations.train_all(config)
    flags = f"{config.run_dir}/flags.txt"
    before = pathlib.Path(flags).read_text()
    other = dataclasses.replace(config, learning_rates=(0.5,))
    with pytest.raises(UserError, match=r"permutation-021.*Expected.*0\.5"):
        permutations.train_all(other)
    assert pathlib.Path(flags).read_text() == before


def first_of(config, real=permutations.single_runs):
    return dict([next(iter(real(config).items()))])


def test_sites_of_other_shapes(resolve, tmp_path):
    config = resolve(
        "--model=smallcnn_dlgn",
        "--dataset=digits",
        "--padding=same",
        "--width=2",
        "--gate_permutation=all",
        f"--run_dir={tmp_path}/run",
    )
    with pytest.raises(UserError, match="'conv1'.*'conv2'"):
        permutations.train_all(config)
    assert not (tmp_path / "run").exists()
