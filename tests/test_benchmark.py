"""Each comparison of tools/benchmark.py at its smallest size, and its table."""

import importlib
import json
import sys

import numpy as np
import pytest

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

SMALL = ("--rounds=1", "--batch_size=2", "--steps=1")


@pytest.fixture
def tool(load_tool):
    return load_tool("benchmark")


@pytest.fixture
def module(tool):
    """A function that imports a module of tools/benchmarks."""
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def compare(tool, module, monkeypatch):
    """A function that makes the rows of a comparison with other constants.

    Workers are not processes of their own: that would import TensorFlow anew.
    """

    class Here:
        def __init__(self, python, name, *words, **environment):
            try:
                job = module(f"workers.{name}").job
            except ImportError as error:
                raise module("processes").Absent(str(error)) from error
            self.turn = job(*map(str, words))
            self.first = self.turn()

        def __call__(self):
            self.turn()

        def peak_gib(self):
            return 0.5

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def compare(name, *words, **constants):
        comparison = module(f"comparisons.{name}")
        for constant, value in constants.items():
            monkeypatch.setattr(comparison, constant, value)
        for place in (comparison, module("sides")):
            monkeypatch.setattr(place, "Worker", Here, raising=False)
        options = fields.parse(tool.Command, [*SMALL, *words])
        made = comparison.compare(options)
        left_out = module("rows").LeftOut
        return [x if isinstance(x, left_out) else x.row() for x in made]

    return compare


SMALLEST = {
    "pipeline": {"IMAGES": 4, "STEPS": 1},
    "step": {"NETWORK": "c1gap"},
    "families": {"NETWORK": "c1gap"},
    "evaluation": {"NETWORK": "c1gap", "IMAGES": 4},
    "checkpoint": {"NETWORK": "c1gap"},
    "ensemble": {"MEMBERS": 2, "BATCH_SIZE": 2},
    "first_step": {"NETWORK": "c1gap"},
    "folder": {"KEPT_GIB": (0.1,), "FOLDERS": (20,)},
}


@pytest.mark.parametrize("name", SMALLEST)
def test_comparisons_compare(name, compare):
    for row in compare(name, **SMALLEST[name]):
        assert row["ours_median"] > 0 and row["other_median"] > 0
        ratios = [row[f"ratio_{x}"] for x in ("min", "median", "max")]
        assert ratios == sorted(ratios) and row["rounds"] == 1


def test_training_beside_peers(compare, module, monkeypatch):
    """Those that are not there are left out, with what they said."""
    sides = module("sides")
    product = sides.Side("product", "product", (64, 1))
    monkeypatch.setattr(sides, "PRODUCT", product)
    small = {"c4gap": {"width": 2}}
    made = compare("training", NETWORKS=small, FAMILIES=("dlgn",))
    left_out = [x for x in made if isinstance(x, module("rows").LeftOut)]
    rows = [x for x in made if x not in left_out]
    # In this process both are on the backend that it has.
    assert {x["other"].split(", ")[1] for x in rows} >= {
        "stock fit on TensorFlow",
        "stock fit on JAX",
    }
    assert len(made) == 4
    assert {x["ours"] for x in rows} == {"c4gap_dlgn, own loop"}
    for row in rows:
        assert row["peak_gib"] == [0.5, 0.5]
        assert all(share > 0 for share in row["share_of_product"])
    assert all("torch" in str(x) for x in left_out)


@pytest.mark.parametrize("name", ["c4gap_dlgn", "vgg11_dnn"])
def test_stock_layers_compute_what_ours_do(name, module, rng):
    from dlgn_tf import create_model

    trainings = module("trainings")
    model = create_model(name, width=2, seed=0)
    stock = trainings.stock(model, 1e-4)
    for ours, theirs in zip(model.weights, stock.weights, strict=True):
        assert ours.shape == theirs.shape
        theirs.assign(ours)
    images = rng.integers(0, 256, (2, 32, 32, 3), "uint8")
    np.testing.assert_allclose(stock(images), model(images), atol=1e-5)


def test_operations_are_those_of_a_step(module):
    """Two convolutions of 3x3 and a dense layer, by hand."""
    from dlgn_tf import create_model

    images = {"image_shape": (8, 8, 3), "width": 4, "depth": 2, "seed": 0}
    dnn = create_model("c4gap_dnn", **images)
    first, second, dense = 64 * 27 * 4, 64 * 36 * 4, 4 * 10
    operations = module("trainings").operations
    assert operations(dnn) == 2 * (2 * first + 3 * second + 3 * dense)
    frozen = create_model("c4gap_dgn", gate_regime="frozen_random", **images)
    gating = 2 * (first + second)
    assert operations(frozen) == operations(dnn) + gating


def test_the_peer_has_as_many_parameters(module):
    torch = pytest.importorskip("torch", reason="needs dlgn_tf[bench]")
    from dlgn_tf import create_model

    peer = module("workers.torch_network")
    for name, body in peer.BODIES.items():
        for family, kind in (("dnn", peer.DNN), ("dlgn", peer.DLGN)):
            model = create_model(f"{name}_{family}", width=4)
            ours = sum(np.prod(x.shape) for x in model.trainable_variables)
            network = kind(body, 4)
            assert sum(x.numel() for x in network.parameters()) == ours
            assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_sides_must_do_the_same(module, monkeypatch):
    sides = module("sides")
    found = {
        name: sides.Measured([1.0], {"same": {"parameters": count}}, 0.5)
        for name, count in (("ours", 2), ("theirs", 3))
    }
    monkeypatch.setattr(sides, "measured", lambda *_: (dict(found), []))
    both = [sides.Side(name, "") for name in found]
    with pytest.raises(ValueError, match="2 of ours, 3 of theirs"):
        list(sides.compared(both, 1, "x/s"))


def test_orthogonal_filters_beside_others(compare, module):
    small = {"SHAPES": ((3, 9),), "NETWORK": "smallcnn_dnn"}
    made = compare("orthogonal", **small, _BATCH_SIZE=2)
    rows = [x for x in made if not isinstance(x, module("rows").LeftOut)]
    others = [x["other"] for x in rows if x["unit"] == "forward and back/s"]
    assert {"the loop of the authors' code", "tf.linalg.qr"} <= {*others}
    assert len(made) == 2 * 7 + 1 and rows[-1]["unit"] == "images/s"
    assert rows[0]["note"].startswith("largest |Q'Q - I| ")


def test_vectors_beside_others(compare):
    row, *_ = compare("vectors", EPOCHS=1, GOALS={})
    assert row["other"] == "scikit-learn's MLPClassifier, 5x20"
    assert row["unit"] == "epochs/s" and row["ours_median"] > 0


def test_path_kernels_beside_draws_of_gradients(module):
    draws = module("kernel_draws")
    model = draws.hard("fc_dgn", (4, 4, 1), depth=3, width=16, biases=False)
    images = module("trainings").random_images(6, (4, 4, 1)).images
    row = draws.against_gradients("fc", model, images, 48, 0.5, 1).row()
    assert row["unit"] == "pairs/s" and row["ours_median"] > 0
    # A draw is not the mean of all.
    assert int(row["other"].split()[0]) > 10
    assert "GFLOP/s" in row["note"] and "of 0.5 granted" in row["note"]


def test_tangent_kernels_beside_others(compare, module):
    small = {
        "fc": (3, (4, 4, 1), {"depth": 2, "width": 3}),
        "c4gap": (2, (4, 4, 3), {"width": 2, "depth": 2}),
    }
    made = compare("ntk", NETWORKS=small)
    # Three others of each network; in this process those that it has.
    assert len(made) == 6
    names = [getattr(x, "name", None) or x["other"] for x in made]
    assert names.count("torch.func") == 2
    first = module("workers.kernel_files").told(np.array([[1, 2], [2, 5]]))
    assert first["same"] == {"trace": 6.0, "sum": 10.0}


def test_laws_find_what_they_were_made_of(module):
    laws = module("scaling_laws")
    settings = [{"a": a, "b": b} for a in (1, 2, 5) for b in (1, 3)]
    seconds = [0.5 * x["a"] ** 0.75 * x["b"] ** 2 for x in settings]
    powers, off = laws.exponents(settings, seconds)
    assert powers == pytest.approx({"a": 0.75, "b": 2.0})
    assert off == pytest.approx(1.0)
    line = laws.constant_and_slope([1, 2, 4], [5.0, 7.0, 11.0])
    assert line == pytest.approx((3.0, 2.0))
    # 1 s that stays and 3 s that are divided; then 0.3 s.
    assert laws.serial_share(4 / (1 + 3 / 2), 2) == pytest.approx(0.25)
    assert laws.serial_share(2.1, 2) == 0 and laws.serial_share(0.5, 2) == 1
    assert laws.speedup(0.25, 8) == pytest.approx(4 / (1 + 3 / 8))
    assert laws.speedup(0.25, 8, 10) == pytest.approx(1.3 / (1 + 0.3 / 8))


def test_cost_against_sizes(compare, monkeypatch):
    """One core, so that there are no replicas: those take processes."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})
    base = {"images": 2, "width": 2, "depth": 1}
    *rows, left_out = compare("scaling", BASE=base, SERIES={"images": (4,)})
    assert str(left_out) == "two replicas is left out: there is one core"
    (row,) = rows
    assert row["other"] == "c4gap_dlgn, images 4, width 2, depth 1"
    assert "images^" in row["note"] and " s an image" in row["note"]


def test_what_eight_gpus_would_give_follows_from_two_speedups(module):
    """1/9 and 3/7 stay: 2 / (1 + 1/9) and 4 / (1 + 3 * 3/7) for each."""
    said = module("comparisons.scaling")._prediction(1.8, 1.4)
    assert "11.1% of a step" in said and "42.9% between machines" in said
    assert "at most 2.33 times one" in said
    assert f" be {1.8 * 1.75:.2f}, " in said


def test_rows_are_ratios_of_speeds(module):
    seconds = [(1.0, 2.0), (2.0, 2.0), (1.0, 3.0)]
    row = module("rows").Comparison("a", "b", "x/s", 6, seconds, "why").row()
    ratios = row["ratio_min"], row["ratio_median"], row["ratio_max"]
    assert ratios == (1.0, 2.0, 3.0)
    assert (row["ours_median"], row["other_median"]) == (6.0, 3.0)


def test_turns_are_taken_in_order(module):
    said = []
    seconds = module("turns").by_turns(
        2, lambda: said.append("a"), lambda: said.append("b")
    )
    # The first two warm up.
    assert "".join(said) == "ababab" and len(seconds) == 2


def test_workers_take_turns_in_processes_of_their_own(module):
    sides = module("sides")
    product = sides.Side("small", "product", (8, 1))
    found, left_out = sides.measured([product, sides.Side("no", "no")], 2)
    assert list(found) == ["small"] and len(found["small"].seconds) == 2
    assert found["small"].first == {"amount": 1024}
    assert found["small"].peak_gib > 0.001
    assert left_out[0].name == "no" and "benchmarks.workers.no" in str(left_out)


def test_a_worker_that_cannot_start_says_why(module):
    processes = module("processes")
    with pytest.raises(processes.Absent, match="No module named .*nothing"):
        processes.Worker(sys.executable, "nothing")


def test_the_table_and_its_json(tool, module, tmp_path, monkeypatch, capsys):
    rows = module("rows")
    row = rows.Comparison("own", "theirs", "x/s", 1, [(1.0, 3.0)], "as told")
    monkeypatch.setattr(
        module("comparisons.step"), "compare", lambda options: [row]
    )
    tool.run(
        fields.parse(tool.Command, ["--only=step", f"--output_dir={tmp_path}"])
    )
    table = (tmp_path / "benchmark.md").read_text()
    assert "| step | own | theirs | 1 | 0.3333 | x/s | 3.00 / 3.00 / " in table
    assert "own: as told" in table and table in capsys.readouterr().out
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert written["rows"][0]["ratio_median"] == 3.0
    assert (tmp_path / "commands.json").is_file()


@pytest.mark.parametrize(
    "word", ["--only=nothing", f"--torch_python={sys.prefix}/bin/nothing"]
)
def test_refusals(tool, word):
    with pytest.raises(UserError, match=r"Received: .*nothing"):
        tool.run(fields.parse(tool.Command, [word]))


def test_each_file_is_a_comparison(tool, module):
    assert {"step", "orthogonal", "npk", "vectors"} <= {*tool.NAMES}
    for name in tool.NAMES:
        comparison = module(f"comparisons.{name}")
        assert callable(comparison.compare) and comparison.__doc__
