"""From flags to a `Config`: defaults, contradictions, the way back."""

import dataclasses
import re

import pytest
from absl import flags

from dlgn_tf import config as config_lib
from dlgn_tf.command import fields
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry


def resolve(*arguments):
    return config_lib.from_flags(*arguments)


def assert_holds(config, **expected):
    actual = dataclasses.asdict(config)
    assert {name: actual[name] for name in expected} == expected


LINEAGE = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "nesterov": False,
    "batch_size": 128,
    "learning_rates": (0.01, 0.1, 0.01, 0.001),
    "boundaries": (400, 32_000, 48_000),
    "train_steps": 64_000,
    "normalization": "dataset",
    "augmentation": "flip_crop",
}
ADAM = {
    "optimizer": "adam",
    "momentum": None,
    "nesterov": None,
    "batch_size": 32,
    "boundaries": (),
    "l2": 0.0,
    "normalization": "unit",
    "augmentation": "none",
}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "resnet110_dlgn",
            {
                **LINEAGE,
                "l2": 1e-4,
                "depth": 110,
                "width": 16,
                "block": "preactivated",
                "shortcut": "B",
                "kernel_size": None,
                "pooling": None,
            },
        ),
        (
            "resnet32_dnn",
            {**LINEAGE, "l2": 1e-4, "block": "original", "shortcut": "A"},
        ),
        ("resnet164_dgn", {**LINEAGE, "l2": 1e-4, "block": "bottleneck"}),
        (
            "vgg16_dnn",
            {
                **LINEAGE,
                "l2": 2.5e-4,
                "depth": 16,
                "width": 64,
                "pooling": "average",
                "block": None,
            },
        ),
        (
            "wrn28_10_dgn",
            {
                **LINEAGE,
                "l2": 2.5e-4,
                "nesterov": True,
                "learning_rates": (0.1, 0.02, 0.004, 0.0008),
                "boundaries": (24_000, 48_000, 64_000),
                "train_steps": 80_000,
                "width": 16,
                "depth": 28,
                "shortcut": "B",
            },
        ),
        (
            "c4gap_dlgn",
            {
                **ADAM,
                "learning_rates": (3e-4,),
                # 50 epochs of 50,000 images.
                "train_steps": 78_125,
                "depth": 4,
                "width": 128,
                "kernel_size": 3,
                "head_width": None,
            },
        ),
        # 200 epochs.
        (
            "c1gap_dlgn",
            {**ADAM, "learning_rates": (1e-3,), "train_steps": 312_500},
        ),
        # 100 epochs.
        (
            "fc_dnn",
            {
                **ADAM,
                "learning_rates": (1e-4,),
                "train_steps": 156_250,
                "depth": 6,
                "width": 128,
                "kernel_size": None,
            },
        ),
        # 200 and 80 epochs.
        (
            "gconv_dgn",
            {**ADAM, "learning_rates": (3e-4,), "train_steps": 312_500},
        ),
        (
            "vconv_dgn",
            {
                **ADAM,
                "learning_rates": (3e-4,),
                "train_steps": 125_000,
                "head_width": 256,
            },
        ),
    ],
)
def test_published_defaults(model, expected):
    assert_holds(resolve(f"--model={model}", "--dataset=cifar10"), **expected)


def test_defaults_of_everything_else():
    assert_holds(
        resolve(),
        model="c4gap_dlgn",
        dataset="cifar10",
        run_dir="runs/c4gap_dlgn-cifar10",
        data_dir=None,
        download=False,
        train_examples=50_000,
        seed=0,
        strategy="auto",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", ("joint", "soft", 10.0, 0.0)),
        ("--gate=soft", ("joint", "soft", 10.0, 0.0)),
        ("--gate=hard", ("frozen_random", "hard", None, None)),
        ("--gate_regime=joint", ("joint", "soft", 10.0, 0.0)),
        ("--gate_regime=frozen_random", ("frozen_random", "hard", None, None)),
        (
            "--gate_regime=frozen_random --gate=soft --gate_beta=4",
            ("frozen_random", "soft", 4.0, 0.0),
        ),
        (
            "--gate_regime=frozen_dependent",
            ("frozen_dependent", "hard", None, None),
        ),
        (
            "--gate_regime=frozen_learned --gates_from=a",
            ("frozen_learned", "hard", None, None),
        ),
        ("--model=c4gap_dnn", (None, None, None, None)),
        ("--model=fc_dgn", ("joint", "soft", 4.0, 0.1)),
    ],
)
def test_gate_regimes(arguments, expected):
    config = resolve(*arguments.split())
    assert (
        config.gate_regime,
        config.gate,
        config.gate_beta,
        config.gate_epsilon,
    ) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", None),
        ("--gate_permutation=2,0,3,1", (2, 0, 3, 1)),
        # Every site its own, as without it.
        ("--gate_permutation=0,1,2,3", None),
        ("--gate_permutation=all", "all"),
        ("--gate_permutation=1,0 --depth=2", (1, 0)),
        ("--model=c1gap_dgn --gate_permutation=0", None),
        ("--model=fc_dgn --depth=3 --gate_permutation=1,0", (1, 0)),
        (
            "--model=gconv_dgn --depth=1 --gate_permutation=0,2,1",
            (0, 2, 1),
        ),
    ],
)
def test_gate_permutations(arguments, expected):
    assert resolve(*arguments.split()).gate_permutation == expected


def test_a_program_gives_a_permutation_as_numbers():
    network = config_lib.Network(
        model="c4gap_dgn", gate_permutation=(2, 0, 3, 1)
    )
    resolved = config_lib.resolve_network(network)
    assert resolved.gate_permutation == (2, 0, 3, 1)


def test_flags_of_older_runs(tmp_path):
    """Those that there are more of by now have their defaults."""
    path = tmp_path / "flags.txt"
    path.write_text("--model=c4gap_dgn\n--gate=hard\n--seed=5\n")
    assert_holds(
        config_lib.read_flags(path),
        gate_regime="frozen_random",
        gates_from=None,
        init_from=None,
        gate_permutation=None,
        weights_seed=5,
        snapshot_every=None,
    )


def test_only_some_flags_are_defined():
    words = ["--model=resnet20_dnn", "--width=3", "--init_from=a"]
    network = fields.parse(config_lib.Network, words)
    assert config_lib.resolve_network(network) == resolve(*words)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("c4gap_dnn", (None, None, None, None)),
        ("c4gap_dgn", ("soft", 10.0, 0.0, "image")),
        ("c4gap_dlgn", ("soft", 10.0, 0.0, "image")),
        ("c4gap_dlgn_sf", ("soft", 10.0, 0.0, "ones")),
    ],
)
def test_gate_defaults(model, expected):
    config = resolve(f"--model={model}")
    assert (
        config.gate,
        config.gate_beta,
        config.gate_epsilon,
        config.value_input,
    ) == expected


def test_hard_gate_has_no_steepness():
    assert_holds(
        resolve("--model=c4gap_dgn", "--gate=hard"),
        gate="hard",
        gate_beta=None,
        gate_epsilon=None,
        value_input="image",
    )


@pytest.mark.parametrize(
    ("dataset", "augmentation", "train_examples"),
    [
        ("digits", "none", 1437),
        ("cifar10", "flip_crop", 50_000),
        ("cifar100", "flip_crop", 50_000),
        ("svhn_cropped", "crop", 73_257),
    ],
)
def test_defaults_that_follow_the_dataset(
    dataset, augmentation, train_examples
):
    assert_holds(
        resolve("--model=resnet20_dnn", f"--dataset={dataset}"),
        augmentation=augmentation,
        train_examples=train_examples,
        run_dir=f"runs/resnet20_dnn-{dataset}",
    )


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        # ceil(50 * 1437 / 32), the recipe's epochs.
        ((), 2246),
        (("--epochs=1",), 45),
        (("--epochs=2", "--train_examples=100"), 7),
        (("--epochs=2", "--train_examples=96"), 6),
        (("--epochs=0.5", "--train_examples=64"), 1),
        (("--epochs=1.5", "--train_examples=64"), 3),
        (("--epochs=1", "--batch_size=2000"), 1),
        (("--epochs=3", "--batch_size=1437"), 3),
        (("--epochs=3", "--batch_size=1436"), 4),
        (("--train_steps=17",), 17),
        (("--batch_size=64",), 1123),
    ],
)
def test_epochs_become_steps(arguments, steps):
    config = resolve("--model=c4gap_dnn", "--dataset=digits", *arguments)
    assert config.train_steps == steps


@pytest.mark.parametrize("epochs", ["1e308", "1e12"])
def test_more_steps_than_can_be_counted_are_refused(epochs):
    with pytest.raises(UserError, match="Invalid --epochs.*Received: 1"):
        resolve("--model=fc_dnn", "--dataset=digits", f"--epochs={epochs}")


def test_epochs_win_over_a_recipe_in_steps():
    config = resolve("--model=resnet20_dnn", "--epochs=2")
    # 100,000 images by 128.
    assert config.train_steps == 782


def test_optimizer_that_is_not_the_recipes():
    assert_holds(
        resolve("--model=resnet20_dnn", "--optimizer=adam"),
        learning_rates=(0.001,),
        boundaries=(),
        momentum=None,
        nesterov=None,
    )
    assert_holds(
        resolve("--model=c4gap_dnn", "--optimizer=sgd"),
        learning_rates=(0.01,),
        boundaries=(),
        momentum=0.9,
        nesterov=False,
    )


def test_given_rates_bring_no_boundaries():
    assert_holds(
        resolve("--model=resnet20_dnn", "--learning_rates=0.5"),
        learning_rates=(0.5,),
        boundaries=(),
    )


def test_given_boundaries_move_those_of_the_recipe():
    assert_holds(
        resolve("--model=resnet20_dnn", "--boundaries=1,2,3"),
        learning_rates=(0.01, 0.1, 0.01, 0.001),
        boundaries=(1, 2, 3),
    )


def test_zero_is_a_value():
    """What is falsy is not what is missing."""
    assert_holds(
        resolve("--model=resnet20_dnn", "--l2=0", "--momentum=0", "--seed=0"),
        l2=0.0,
        momentum=0.0,
        seed=0,
    )
    assert resolve("--model=wrn16_4_dnn", "--nonesterov").nesterov is False


SMALL = ("--dataset=digits",)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--model=c4gap",),
        ("--model=c4gap_",),
        ("--model=_dlgn",),
        ("--model=resnet21_dlgn",),
        ("--model=C4GAP_DLGN",),
        ("--dataset=",),
        ("--model=resnet110_dnn", "--depth=111"),
        ("--model=resnet32_dnn", "--block=bottleneck"),
        ("--model=wrn28_10_dnn", "--depth=20"),
        ("--model=wrn28_10_dnn", "--block=original"),
        ("--model=vgg16_dnn", "--depth=12"),
        ("--model=vgg16_dnn", "--kernel_size=3"),
        ("--model=vgg16_dnn", "--shortcut=A"),
        ("--model=c4gap_dnn", "--pooling=max"),
        ("--model=c4gap_dnn", "--head_width=9"),
        ("--model=fc_dnn", "--kernel_size=3"),
        ("--model=fc_dgn", "--depth=1"),
        ("--model=gconv_dnn", "--kernel_size=5"),
        ("--model=c4gap_dnn", "--gate=hard"),
        ("--model=c4gap_dnn", "--gate_beta=4"),
        ("--model=c4gap_dnn", "--gate_epsilon=0"),
        ("--model=c4gap_dnn", "--value_input=image"),
        ("--model=c4gap_dgn", "--gate=hard", "--gate_epsilon=0.1"),
        ("--model=c4gap_dgn", "--gate_beta=-1"),
        ("--model=c4gap_dgn", "--gate_beta=nan"),
        ("--model=c4gap_dgn", "--gate_beta=inf"),
        ("--model=c4gap_dgn", "--gate_epsilon=nan"),
        ("--model=c4gap_dgn", "--gate_epsilon=inf"),
        ("--model=c4gap_dnn", "--gate_regime=joint"),
        ("--model=c4gap_dnn", "--gates_from=a"),
        ("--model=c4gap_dnn", "--gate_permutation=1,0,2,3"),
        ("--gates_from=a",),
        ("--gate_regime=frozen_random", "--gates_from=a"),
        ("--gate_regime=frozen_random", "--gate_beta=4"),
        ("--gate_regime=frozen_dependent", "--init_from=a"),
        (
            "--gate_regime=frozen_learned",
            "--gates_from=a",
            "--init_from=b",
        ),
        ("--gate_permutation=",),
        ("--gate_permutation=1,2,3,4",),
        ("--gate_permutation=0,1,2,-3",),
        ("--gate_permutation=2031",),
        ("--gate_permutation=3,2,1,0,x",),
        ("--gate_permutation=ALL",),
        ("--gate_permutation=1,0,2,3", "--depth=3"),
        # One site, six sites.
        ("--weights_seed=18446744073709551616",),
        ("--model=c4gap_dnn", "--momentum=0.9"),
        ("--model=c4gap_dnn", "--nesterov"),
        ("--model=c4gap_dnn", "--nonesterov"),
        ("--model=resnet20_dnn", "--optimizer=adam", "--momentum=0.5"),
        ("--model=resnet20_dnn", "--nesterov", "--momentum=0"),
        ("--model=wrn16_4_dnn", "--momentum=0"),
        ("--model=resnet20_dnn", "--momentum=nan"),
        ("--model=resnet20_dnn", "--learning_rates=0.1,0.2"),
        ("--model=resnet20_dnn", "--boundaries=5"),
        ("--learning_rates=0.1,0.2,0.3", "--boundaries=5,5"),
        ("--learning_rates=0.1,0.2,0.3", "--boundaries=6,5"),
        ("--learning_rates=0.1,0.2", "--boundaries=0"),
        ("--learning_rates=0.1,0.2", "--boundaries=-5"),
        ("--learning_rates=0.1,0.2", "--boundaries=1.5"),
        ("--learning_rates=fast",),
        ("--learning_rates=0.1,,0.2", "--boundaries=5,6"),
        ("--learning_rates=0",),
        ("--learning_rates=-0.1",),
        ("--learning_rates=nan",),
        ("--learning_rates=inf",),
        ("--l2=inf",),
        ("--train_steps=5", "--epochs=1"),
        ("--epochs=0",),
        ("--epochs=nan",),
        ("--epochs=1e30",),
        # Not one image.
        ("--train_examples=50001",),
        # Counter-based generators take 64 bits.
        ("--xla", "--strategy=mirrored"),
        ("--xla", "--deterministic"),
        ("--checkpoint_every=",),
        ("--checkpoint_every=0",),
        ("--checkpoint_every=-5",),
        # `str.isdigit`, which decides where the loop stops, knows no sign.
        ("--checkpoint_every=+5",),
        ("--checkpoint_every=2.5",),
        ("--checkpoint_every=0m",),
        ("--checkpoint_every=nanm",),
        ("--checkpoint_every=10s",),
    ],
    ids=" ".join,
)
def test_what_cannot_work(arguments):
    with pytest.raises(UserError) as error:
        resolve(*arguments)
    text = str(error.value)
    assert "Expected" in text and "Received" in text
    assert "\n" not in text


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"task": 1}'])
def test_several_machines_need_their_names(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    # To read what such a run was is no matter of machines.
    config = resolve("--strategy=multi_worker")
    with pytest.raises(UserError, match="TF_CONFIG.*Expected.*Received"):
        config_lib.check_environment(config)
    config_lib.check_environment(resolve())


@pytest.mark.parametrize(
    "argument",
    [
        "--gate=medium",
        "--block=c",
        "--width=0",
        "--width=1.5",
        "--batch_size=0",
        "--train_steps=0",
        "--train_examples=0",
        "--seed=-1",
        "--l2=-1",
        "--momentum=1.01",
        "--momentum=-0.1",
        "--gate_epsilon=-0.1",
        "--eval_every=0",
        "--log_every=0",
        "--steps_per_loop=0",
        "--eval_batch_size=0",
        "--keep_checkpoints=0",
        "--gate_regime=frozen",
        "--weights_seed=-1",
        "--snapshot_every=0",
        "--strategy=tpu",
        "--augmentation=flip",
        "--no_such_flag",
    ],
)
def test_what_does_not_parse(argument):
    with pytest.raises(flags.Error):
        resolve(argument)


def test_unknown_names_bring_the_nearest():
    with pytest.raises(UserError, match="nearest .*resnet110_dlgn"):
        resolve("--model=resnet101_dlgn")
    with pytest.raises(UserError, match="nearest .*cifar100"):
        resolve("--dataset=cifar-100")


def round_trip(config, path):
    path.write_text(config.to_flags())
    return config_lib.read_flags(path)


@pytest.mark.parametrize("model", registry.names())
def test_flags_give_the_config_again(model, tmp_path):
    config = resolve(f"--model={model}", "--dataset=cifar10")
    assert round_trip(config, tmp_path / "flags.txt") == config


@pytest.mark.parametrize(
    "arguments",
    [
        ('--run_dir=/tmp/a folder #1/it\'s "x"', "--data_dir=~/d ata"),
        ("--run_dir=ünïcode/模型",),
        ("--run_dir=--width=3",),
        ("--download", "--seed=9007199254740993"),
        ("--learning_rates=3.3333333333333335e-05",),
        ("--learning_rates=1e-300,0.1", "--boundaries=1000000000000"),
        ("--model=c4gap_dgn", "--gate=hard", "--value_input=ones"),
        ("--gate_beta=4", "--gate_epsilon=0.1", "--kernel_size=5"),
        ("--gate_regime=frozen_learned", "--gates_from=a dir/b.keras"),
        ("--gate_regime=frozen_dependent", "--gate=soft"),
        ("--gate_permutation=2,0,3,1", "--init_from=a #1", "--gate=hard"),
        ("--gate_permutation=all", "--snapshot_every=17"),
        ("--seed=3", "--weights_seed=18446744073709551615"),
        ("--model=wrn16_4_dnn", "--nonesterov", "--l2=0"),
        ("--model=resnet20_dnn", "--momentum=0", "--shortcut=B"),
        ("--model=resnet20_dlgn", "--block=bottleneck", "--depth=29"),
        ("--model=resnet20_dlgn", "--optimizer=adam"),
        ("--model=c4gap_dnn", "--optimizer=sgd", "--nesterov"),
        ("--model=vgg11_dnn", "--pooling=max", "--width=3"),
        ("--model=gconv_dlgn_sf", "--head_width=7", "--depth=2"),
        ("--epochs=0.37", "--train_examples=991", "--batch_size=7"),
        ("--normalization=dataset", "--augmentation=crop"),
        ("--strategy=mirrored", "--steps_per_loop=3", "--log_every=7"),
        ("--xla", "--checkpoint_every=2.5m", "--batch_norm=local"),
        ("--deterministic", "--mixed_precision=mixed_bfloat16"),
        ("--npz=a b.npz", "--checkpoint_every=500"),
        ("--eval_every=11", "--eval_batch_size=13", "--keep_checkpoints=17"),
    ],
    ids=" ".join,
)
def test_odd_options_survive(arguments, tmp_path):
    config = resolve(*arguments)
    assert round_trip(config, tmp_path / "flags.txt") == config
    # And once more: nothing drifts.
    again = config_lib.read_flags(tmp_path / "flags.txt")
    assert again.to_flags() == config.to_flags()


def test_flags_are_all_there(tmp_path):
    """Nothing is left to a default, which may change one day."""
    config = resolve("--model=resnet20_dlgn", "--data_dir=d", "--width=8")
    given = set(re.findall(r"^--(\w+)", config.to_flags(), re.M))
    expected = {
        name for name, v in dataclasses.asdict(config).items() if v is not None
    }
    booleans = {
        "balanced_batches",
        "deterministic",
        "download",
        "nesterov",
        "xla",
    }
    assert given - {f"no{name}" for name in booleans} == expected - booleans
    assert {f"no{name}" for name in booleans} <= given


def test_architecture_options():
    config = resolve("--model=c4gap_dlgn", "--width=8")
    assert config.architecture_options() == {
        "width": 8,
        "depth": 4,
        "kernel_size": 3,
        "padding": "same",
        "biases": True,
    }


def test_ensemble():
    config = resolve("--model=c1gap_dnn", "--members=16")
    assert (config.members, config.ensemble_rule) == (16, "mean_softmax")
    assert config.architecture_options() == {
        "width": 128,
        "depth": 1,
        "kernel_size": 3,
        "padding": "same",
        "biases": True,
        "members": 16,
        "ensemble_rule": "mean_softmax",
    }
    logits = resolve(
        "--model=c1gap_dnn", "--members=2", "--ensemble_rule=mean_logits"
    )
    assert logits.ensemble_rule == "mean_logits"
    # Where there is one network, nothing is to be combined.
    single = resolve("--model=c1gap_dnn")
    assert (single.members, single.ensemble_rule) == (1, None)
    for name in ("c1gap_dlgn", "c4gap_dnn"):
        config = resolve(f"--model={name}")
        assert (config.members, config.ensemble_rule) == (None, None)


@pytest.mark.parametrize(
    "given,message",
    [
        (("--model=c1gap_dlgn", "--members=16"), "c1gap_dnn alone"),
        (("--model=c4gap_dnn", "--members=16"), "no effect on c4gap"),
        (("--model=c1gap_dnn", "--members=2", "--depth=2"), "depth=1"),
        (
            ("--model=c1gap_dnn", "--ensemble_rule=mean_logits"),
            "an ensemble alone",
        ),
    ],
)
def test_ensembles_that_cannot_be(given, message):
    with pytest.raises(UserError, match=message) as error:
        resolve(*given)
    assert "\n" not in str(error.value)


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve().seed = 1


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"--no_such_flag=1\n",
        b"--width=wide\n",
        b"--model=c4gap\n",
        b"--width=3\nwidth 4\n--depth=2\n",
        b"\x7fELF\xff\xfe\x00\x80",
    ],
    ids=["missing", "unknown", "value", "model", "stray words", "binary"],
)
def test_bad_flagfiles(content, tmp_path):
    path = tmp_path / "flags.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="Expected") as error:
        config_lib.read_flags(path)
    assert "Received" in str(error.value)


@pytest.mark.parametrize(
    "module", ["dlgn_tf.config", "dlgn_tf.train", "dlgn_tf.evaluate"]
)
def test_importing_brings_nothing_heavy(module, printed_by):
    code = (
        f"import sys, {module}\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'sklearn', 'jax'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert printed_by(code) == "[]\n"


LARGECNN = {
    "optimizer": "adam",
    "learning_rates": (0.001,),
    "batch_size": 50,
    # 120 epochs of 50,000 images.
    "train_steps": 120_000,
    "l2": 0.0,
    "normalization": "per_image",
    "augmentation": "none",
    "balanced_batches": True,
}


@pytest.mark.parametrize("model", ["largecnn_dnn", "smallcnn_dgn"])
def test_networks_of_the_smaso_paper(model):
    config = resolve(f"--model={model}")
    assert_holds(config, **LARGECNN, batch_normalized=False, apodized=False)
    config = resolve(f"--model={model}", "--batch_normalized", "--apodized")
    assert_holds(config, batch_normalized=True, apodized=True)
    again = resolve(*config.to_flags().split())
    assert again == config


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model=c4gap_dnn"], ("relu", None, None, None)),
        (["--model=c4gap_dgn", "--activation=swish"], ("swish",) + 3 * (None,)),
        (["--model=c4gap_dlgn"], 4 * (None,)),
        (
            ["--model=resnet20_dgn", "--activation=beta_vq"],
            ("beta_vq", 0.5, "per_layer", None),
        ),
        (
            [
                "--model=fc_dnn",
                "--activation=leaky_beta_vq",
                "--activation_beta=1",
                "--activation_beta_mode=fixed",
            ],
            ("leaky_beta_vq", 1.0, "fixed", 0.01),
        ),
    ],
)
def test_activations(arguments, expected):
    config = resolve(*arguments)
    assert tuple(config.activation_options().values()) == expected
    assert resolve(*config.to_flags().split()) == config


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model=c4gap_dlgn", "--activation=swish"],
        ["--model=c4gap_dlgn_sf", "--activation=relu"],
        ["--model=c4gap_dnn", "--activation_beta=0.5"],
        ["--model=c4gap_dnn", "--activation=beta_vq", "--activation_beta=2"],
        ["--model=c4gap_dnn", "--activation=beta_vq", "--activation_beta=nan"],
        ["--model=c1gap_dnn", "--members=2", "--activation=swish"],
        ["--model=largecnn_dnn", "--padding=circular"],
        ["--model=largecnn_dnn", "--dataset=digits"],
        ["--model=c4gap_dnn", "--apodized"],
    ],
)
def test_activations_and_options_that_cannot_be(arguments):
    with pytest.raises(UserError, match="Expected .*Received: ") as caught:
        resolve(*arguments)
    assert "\n" not in str(caught.value)
