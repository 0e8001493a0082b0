"""The command: what it writes, and what it says to a mistake."""

import functools

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import __main__ as entry

PNG = b"\x89PNG\r\n\x1a\n"
BRISK = ("--learning_rates=0.01", "--batch_size=64")
FEW = ("--images=200", "--test_images=200", "--head_images=400")


@pytest.fixture
def command(in_this_process):
    return functools.partial(in_this_process, entry)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_run):
    """Three runs of an mlp, one of another width, one with snapshots."""
    folder = tmp_path_factory.mktemp("mlp")
    for name, *arguments in (
        ("a", "--seed=0", "--snapshot_every=40"),
        ("b", "--seed=1"),
        ("c", "--seed=2", "--width=24"),
    ):
        train_run(
            folder / name,
            "mlp_dnn",
            "--width=16",
            "--norm=post",
            "--train_steps=80",
            *BRISK,
            *arguments,
        )
    return folder


@pytest.fixture(scope="module")
def gated(tmp_path_factory, train_run):
    folder = tmp_path_factory.mktemp("gated")
    for seed in (0, 1):
        train_run(
            folder / str(seed),
            "c4gap_dlgn",
            "--width=6",
            "--depth=2",
            "--train_steps=60",
            *BRISK,
            f"--seed={seed}",
        )
    return folder


def dirs(folder, names):
    return "--run_dirs=" + ",".join(str(folder / name) for name in names)


@pytest.fixture
def measured(tmp_path, command, read_table):
    """A function that runs the command, and returns one that reads tables."""

    def measure(folder, names, *arguments):
        output = f"--output_dir={tmp_path}"
        command(dirs(folder, names), *FEW, output, *arguments)
        return lambda name: read_table(tmp_path / f"{name}.csv")

    return measure


def check_pictures(folder):
    for path in folder.glob("*.png"):
        content = path.read_bytes()
        assert content.startswith(PNG) and len(content) > 5000


def mean(rows, **of):
    found = [
        float(row["accuracy"])
        for row in rows
        if all(row[k] == v for k, v in of.items())
    ]
    assert found
    return np.mean(found)


def test_all_parts_of_two_runs(tmp_path, measured, runs, capsys):
    table = measured(runs, "ab")
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        "alignment",
        "activation_spectra",
        "weight_spectra",
        "convergence",
        "clipping",
        "resampling",
        "dynamics",
    }
    check_pictures(tmp_path)
    # Aligned to the first; a layer that reads the image agrees with itself.
    rows = table("alignment")
    assert [row["run"] for row in rows] == ["b"] * 3
    assert float(rows[0]["explained"]) == pytest.approx(1, abs=1e-9)
    assert all(
        float(row["relative_error"]) <= float(row["error_unaligned"]) + 1e-9
        for row in rows
    )
    with np.load(tmp_path / "covariances.npz") as arrays:
        assert {k: v.shape for k, v in arrays.items()} == {
            "dense1": (64, 64),
            "dense2": (16, 16),
            "logits": (8, 8),
        }
    check_clipping(table("clipping"))
    check_resampling(table("resampling"))
    told = capsys.readouterr().out
    assert "trained (layers: none, covariances: none)" in told
    assert "published" not in told


def check_clipping(rows):
    """With all directions a layer is what it was, whatever the basis."""
    whole = [row for row in rows if row["rank"] == row["dimension"]]
    assert {(row["run"], row["layer"]) for row in whole} == {
        (run, f"dense{k}") for run in "ab" for k in (1, 2)
    }
    assert len({r["accuracy"] for r in whole if r["run"] == "a"}) == 1
    own = [
        (int(row["rank"]), float(row["explained"]))
        for row in rows
        if (row["run"], row["layer"], row["basis"])
        == ("a", "dense2", "own weights")
    ]
    assert [rank for rank, _ in own] == [1, 2, 4, 8, 16]
    # Eight neurons span no more than eight directions.
    assert dict(own)[8] == pytest.approx(1)
    for row in rows:
        if (row["run"], row["layer"]) == ("a", "dense2"):
            best = dict(own)[int(row["rank"])]
            assert float(row["explained"]) <= best + 1e-9


def check_resampling(rows):
    assert {row["layers"] for row in rows} == {"none", "all"}
    trained = mean(rows, way="trained")
    assert trained > 0.6
    # Of as many neurons as this there is no reason to expect more.
    aligned = mean(rows, way="resampled, new head")
    assert 0.2 < aligned < trained + 0.1
    ways = [
        r["way"] for r in rows if (r["run"], r["covariances"]) == ("a", "all")
    ]
    assert len(ways) == len(set(ways)) == 6


def test_alignment_alone(measured, runs, capsys):
    """Of images that nothing is fitted to, with untrained networks beside."""
    arguments = "--images=5", "--parts=alignment", "--whole_maps"
    first, *others = measured(runs, "ab", *arguments)("alignment")
    assert first["channels"] == "64"
    for row in others:
        explained, fitted, untrained = (
            float(row[f"explained{name}"])
            for name in ("", "_fitted", "_untrained")
        )
        assert explained < fitted - 0.02
        assert 0 < untrained < 1
    assert "untrained" in capsys.readouterr().out


@pytest.mark.usefixtures("unrendered")
def test_one_run(tmp_path, measured, runs):
    table = measured(runs, "b", "--draws=2")
    assert {path.stem for path in tmp_path.glob("*.csv")} == {
        "spectra",
        "fits",
        "clipping",
        "resampling",
        "resampling_summary",
    }
    rows = table("resampling")
    assert {row["covariances"] for row in rows} == {"none", "own"}
    assert {row["draw"] for row in rows if row["way"] == "white"} == {"0", "1"}


@pytest.mark.usefixtures("unrendered")
def test_runs_of_different_widths(measured, runs):
    parts = "--parts=alignment,convergence,clipping,resampling"
    table = measured(runs, "ac", parts, "--covariances=all")
    # With all directions a layer is what it was.
    whole = {
        (row["run"], row["accuracy"])
        for row in table("clipping")
        if row["rank"] == row["dimension"]
    }
    assert sorted(run for run, _ in whole) == ["a", "c"]
    drawn = table("resampling")
    assert {row["covariances"] for row in drawn} == {"none", "all"}
    rows = table("alignment")
    # The widest is what others are aligned to.
    assert {row["run"] for row in rows} == {"a"}
    assert [row["channels"] for row in rows] == ["1", "16", "8"]
    assert [bool(row["error_unaligned"]) for row in rows] == [
        True,
        False,
        False,
    ]
    assert table("convergence")


@pytest.mark.usefixtures("unrendered")
def test_widths(tmp_path, measured, runs, capsys):
    arguments = "--parts=widths", "--covariances=own", "--layers=dense2"
    table = measured(runs, "abc", *arguments)
    assert (tmp_path / "widths.png").exists()
    rows = table("widths")
    found = {(r["run"], r["width"], r["layer"], r["what"]): r for r in rows}
    assert len(found) == len(rows)
    errors = {
        key[0]: float(row["value"])
        for key, row in found.items()
        if key[2:] == ("dense2", "alignment error")
    }
    # To c, the widest one.
    assert sorted(errors) == ["a", "b"]
    assert all(0 < error < 2 for error in errors.values())
    what = "accuracy, resampled"
    drawn = [key[:2] for key in found if key[2:] == ("chosen", what)]
    assert sorted(drawn) == [("a", "16"), ("b", "16"), ("c", "24")]
    assert {row["width"] for row in rows if row["what"] == "RKHS norm"} == {
        "16",
        "24",
    }
    spectra = {(r["run"], r["layer"]) for r in table("width_spectra")}
    assert spectra == {("a", "dense2"), ("c", "dense2")}
    trained = [
        (row["width"], row["values"])
        for row in table("widths_summary")
        if row["what"] == "accuracy, trained"
    ]
    assert trained == [("16", "2"), ("24", "1")]
    assert "dense2 alignment error by width: 16: " in capsys.readouterr().out


def test_gated_networks_apart(tmp_path, measured, gated):
    parts = "--parts=alignment,spectra,resampling"
    table = measured(gated, "01", parts, "--covariances=all")
    assert {row["layer"] for row in table("alignment")} == {
        "gating/conv1",
        "gating/conv2",
        "value/conv1",
        "value/conv2",
        "value/logits",
    }
    with np.load(tmp_path / "covariances.npz") as arrays:
        assert arrays["gating.conv2"].shape == (54, 54)
        assert arrays["value.logits"].shape == (6, 6)
    drawn = {row["layers"] for row in table("resampling")}
    assert drawn == {"none", "gating", "value", "both"}
    check_pictures(tmp_path)


@pytest.mark.usefixtures("unrendered")
def test_chosen_layers_alone(measured, runs, monkeypatch):
    published = {"trained": 0.5, "resampled": 0.4, "resampled, new head": 0.3}
    monkeypatch.setattr(
        "dlgn_tf.rainbow.parts.resampled", lambda config: published
    )
    parts = "--parts=convergence,clipping,resampling"
    table = measured(runs, "ab", "--layers=*2", parts, "--covariances=own")
    for name in ("convergence", "clipping"):
        assert {row["layer"] for row in table(name)} == {"dense2"}, name
    drawn = {row["layers"] for row in table("resampling")}
    assert drawn == {"none", "chosen"}
    summary = table("resampling_summary")
    beside = {row["way"]: row["published"] for row in summary}
    assert beside["trained"] == "0.5"
    assert beside["resampled"] == beside["resampled, new head"] == ""


@pytest.mark.parametrize(
    "names,arguments,message",
    [
        ("a", ["--parts=alignment"], "two runs or more for --parts=alignment"),
        ("bc", ["--parts=dynamics"], "snapshots.*for --parts=dynamics"),
        ("ab", ["--parts=all"], "Expected --parts of .*Received: --parts=all"),
        ("a", ["--covariances=all"], "two runs or more for --covariances=all"),
        ("ab", ["--parts=widths"], "two widths or more for --parts=widths"),
        (
            "ab",
            ["--parts=resampling", "--joint"],
            "gating/conv1 and value/conv1",
        ),
        ("ab", ["--parts=alignment", "--joint"], "joint has no effect"),
        ("ab", ["--dataset=digits"], "no effect with runs"),
        ("aa", [], "each of --run_dirs once"),
        ("ad", [], "flags.txt"),
        ("ab", ["--memory_gib=0"], "memory_gib.*Received: 0"),
        ("ab", ["--memory_gib=1e-6"], "memory_gib"),
        ("ab", ["--layers=dense1,conv*"], "layers of dense1, dense2,.*conv"),
        ("ab", ["--parts=alignment", "--layers=dense1"], "layers has no eff"),
    ],
)
def test_mistakes(measured, runs, names, arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        measured(runs, names, *arguments)
    assert "Received" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unrendered")
def test_networks_of_no_run(tmp_path, command, runs, read_table):
    """Files say as much as the runs that they are of."""
    names = [f"{name}/model.keras" for name in "ab"]
    part = ["--parts=convergence,resampling", "--layers=dense1", *FEW]
    part.append("--covariances=own")
    with pytest.raises(UserError, match="--dataset with networks of no run"):
        command(dirs(runs, names), f"--output_dir={tmp_path / 'x'}", *part)
    command(dirs(runs, "ab"), f"--output_dir={tmp_path / 'runs'}", *part)
    part.append("--dataset=digits")
    command(dirs(runs, names), f"--output_dir={tmp_path / 'files'}", *part)
    tables = [
        read_table(tmp_path / of / "convergence.csv")
        for of in ("runs", "files")
    ]
    assert tables[0] == tables[1] != []
    # What would be called model.keras alike is called by its path.
    for of, called in (("runs", "ab"), ("files", [runs / x for x in names])):
        rows = read_table(tmp_path / of / "resampling.csv")
        assert {row["run"] for row in rows} == set(map(str, called))


def test_runs_of_different_models(tmp_path, command, runs, gated, train_run):
    train_run(
        tmp_path / "deep",
        "c4gap_dlgn",
        "--width=6",
        "--depth=3",
        "--train_steps=1",
    )
    for other, more, message in (
        (runs / "a", (), "runs of one model.*c4gap.*mlp_dnn"),
        (tmp_path / "deep", (), "one architecture"),
        # Layers of both networks, but of no unit both.
        (
            gated / "1",
            ("--joint", "--layers=gating/conv1,value/conv2"),
            "to draw them jointly. Received: gating/conv1, value/conv2",
        ),
    ):
        with pytest.raises(UserError, match=message):
            command(
                f"--run_dirs={gated / '0'},{other}",
                f"--output_dir={tmp_path / 'out'}",
                *more,
            )
        assert not (tmp_path / "out").exists()
