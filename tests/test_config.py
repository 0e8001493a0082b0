"""From flags to a `Config`: defaults, contradictions, the way back."""

import dataclasses
import json
import re
import socket
import sys

import pytest
from absl import flags

from dlgn_tf import config as config_lib
from dlgn_tf.command import fields
from dlgn_tf.config import cluster
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry


def resolve(line=""):
    return config_lib.from_flags(*line.split())


def assert_has(config, text):
    """The flags of a text are in `to_flags`; `name=` is one that is not."""
    given = {x.removeprefix("--") for x in config.to_flags().splitlines()}
    names = {x.partition("=")[0] for x in given}
    given |= {f"{x}=" for x in dataclasses.asdict(config) if x not in names}
    assert set(text.split()) <= given, set(text.split()) - given


LINEAGE = """optimizer=sgd momentum=0.9 batch_size=128 train_steps=64000
learning_rates=0.01,0.1,0.01,0.001 boundaries=400,32000,48000
normalization=dataset augmentation=flip_crop """
ADAM = """optimizer=adam momentum= nesterov= batch_size=32 boundaries= l2=0.0
normalization=unit augmentation=none """
LARGECNN = """optimizer=adam learning_rates=0.001 batch_size=50 l2=0.0
train_steps=120000 normalization=per_image augmentation=none
balanced_batches """

# Of Adam the steps are 50 epochs of 50,000 images, 200, 100, 200 and 80, and
# 120 in batches of 50.
PUBLISHED = {
    "resnet110_dlgn": LINEAGE + "nonesterov l2=0.0001 depth=110 width=16 "
    "block=preactivated shortcut=B kernel_size= pooling=",
    "resnet32_dnn": LINEAGE + "nonesterov l2=0.0001 block=original shortcut=A",
    "resnet164_dgn": LINEAGE + "nonesterov l2=0.0001 block=bottleneck",
    "vgg16_dnn": LINEAGE + "nonesterov l2=0.00025 depth=16 width=64 "
    "pooling=average block=",
    "wrn28_10_dgn": """optimizer=sgd momentum=0.9 nesterov batch_size=128
    learning_rates=0.1,0.02,0.004,0.0008 boundaries=24000,48000,64000
    train_steps=80000 l2=0.00025 width=16 depth=28 shortcut=B
    normalization=dataset augmentation=flip_crop""",
    "c4gap_dlgn": ADAM + "learning_rates=0.0003 train_steps=78125 depth=4 "
    "width=128 kernel_size=3 head_width=",
    "c1gap_dlgn": ADAM + "learning_rates=0.001 train_steps=312500",
    "fc_dnn": ADAM + "learning_rates=0.0001 train_steps=156250 depth=6 "
    "width=128 kernel_size=",
    "gconv_dgn": ADAM + "learning_rates=0.0003 train_steps=312500",
    "vconv_dgn": ADAM + "learning_rates=0.0003 train_steps=125000 "
    "head_width=256",
    "largecnn_dnn": LARGECNN + "nobatch_normalized noapodized",
    "smallcnn_dgn": LARGECNN + "nobatch_normalized noapodized",
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_defaults(model):
    assert_has(resolve(f"--model={model}"), PUBLISHED[model])


NO_GATES = "gate_regime= gate= gate_beta= gate_epsilon= value_input="
SOFT = "gate_regime=joint gate=soft gate_beta=10.0 gate_epsilon=0.0 "
HARD = "gate=hard gate_beta= gate_epsilon= value_input=image gate_regime="
RESOLVED = {
    "": "model=c4gap_dlgn dataset=cifar10 run_dir=runs/c4gap_dlgn-cifar10 "
    "data_dir= nodownload train_examples=50000 seed=0 strategy=auto "
    "gate_permutation= value_input=image " + SOFT,
    # Gates.
    "--gate=soft": SOFT,
    "--gate=hard": HARD + "frozen_random",
    "--model=c4gap_dgn --gate=hard": HARD + "frozen_random",
    "--gate_regime=joint": SOFT,
    "--gate_regime=frozen_random": HARD + "frozen_random",
    "--gate_regime=frozen_random --gate=soft --gate_beta=4": "gate=soft "
    "gate_regime=frozen_random gate_beta=4.0 gate_epsilon=0.0",
    "--gate_regime=frozen_dependent": HARD + "frozen_dependent",
    "--gate_regime=frozen_learned --gates_from=a": HARD + "frozen_learned",
    "--model=c4gap_dnn": NO_GATES + " activation=relu activation_beta= "
    "activation_beta_mode= activation_slope=",
    "--model=fc_dgn": "gate_regime=joint gate=soft gate_beta=4.0 "
    "gate_epsilon=0.1",
    "--model=c4gap_dgn": SOFT + "value_input=image",
    "--model=c4gap_dlgn": SOFT + "value_input=image activation=",
    "--model=c4gap_dlgn_sf": SOFT + "value_input=ones",
    # Every site its own gate, as without it.
    "--gate_permutation=0,1,2,3": "gate_permutation=",
    "--gate_permutation=2,0,3,1": "gate_permutation=2,0,3,1",
    "--gate_permutation=all": "gate_permutation=all",
    "--gate_permutation=1,0 --depth=2": "gate_permutation=1,0",
    "--model=c1gap_dgn --gate_permutation=0": "gate_permutation=",
    "--model=fc_dgn --depth=3 --gate_permutation=1,0": "gate_permutation=1,0",
    "--model=gconv_dgn --depth=1 --gate_permutation=0,2,1": "depth=1 "
    "gate_permutation=0,2,1",
    # What follows from the data set.
    "--model=resnet20_dnn --dataset=digits": "augmentation=none "
    "train_examples=1437 run_dir=runs/resnet20_dnn-digits",
    "--model=resnet20_dnn --dataset=cifar100": "augmentation=flip_crop "
    "train_examples=50000 run_dir=runs/resnet20_dnn-cifar100",
    "--model=resnet20_dnn --dataset=svhn_cropped": "augmentation=crop "
    "train_examples=73257 run_dir=runs/resnet20_dnn-svhn_cropped",
    # 100,000 images by 128, in place of the recipe's steps.
    "--model=resnet20_dnn --epochs=2": "train_steps=782",
    # An optimiser that is not the recipe's.
    "--model=resnet20_dnn --optimizer=adam": "learning_rates=0.001 "
    "boundaries= momentum= nesterov=",
    "--model=c4gap_dnn --optimizer=sgd": "learning_rates=0.01 boundaries= "
    "momentum=0.9 nonesterov",
    # Rates bring no boundaries; boundaries move those of the recipe.
    "--model=resnet20_dnn --learning_rates=0.5": "learning_rates=0.5 "
    "boundaries=",
    "--model=resnet20_dnn --boundaries=1,2,3": "boundaries=1,2,3 "
    "learning_rates=0.01,0.1,0.01,0.001",
    # What is falsy is not what is missing.
    "--model=resnet20_dnn --l2=0 --momentum=0 --seed=0": "l2=0.0 momentum=0.0 "
    "seed=0",
    "--model=wrn16_4_dnn --nonesterov": "nonesterov",
    # Ensembles; where there is one network, nothing is to be combined.
    "--model=c1gap_dnn --members=16": "members=16 ensemble_rule=mean_softmax",
    "--model=c1gap_dnn --members=2 --ensemble_rule=mean_logits": "members=2 "
    "ensemble_rule=mean_logits",
    "--model=c1gap_dnn": "members=1 ensemble_rule=",
    "--model=c1gap_dlgn": "members= ensemble_rule=",
    "--model=c4gap_dnn --width=8": "members= ensemble_rule= width=8 depth=4 "
    "kernel_size=3 padding=same biases",
    "--model=largecnn_dnn --batch_normalized --apodized": "batch_normalized "
    "apodized",
    # Nonlinearities.
    "--model=c4gap_dgn --activation=swish": "activation=swish "
    "activation_beta= activation_beta_mode= activation_slope= "
    "activation_entropy=",
    "--model=resnet20_dgn --activation=beta_vq": "activation=beta_vq "
    "activation_beta=0.5 activation_beta_mode=per_layer activation_slope= "
    "activation_entropy=shannon",
    "--model=fc_dnn --activation=leaky_beta_vq --activation_beta=1 "
    "--activation_beta_mode=fixed": "activation=leaky_beta_vq "
    "activation_beta=1.0 activation_beta_mode=fixed activation_slope=0.01",
}


@pytest.mark.parametrize("line", RESOLVED)
def test_what_follows_from_flags(line):
    config = resolve(line)
    assert_has(config, RESOLVED[line])
    assert config_lib.from_flags(*config.to_flags().splitlines()) == config


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
    assert_has(
        config_lib.read_flags(path),
        "gate_regime=frozen_random gates_from= init_from= gate_permutation= "
        "weights_seed=5 snapshot_every=",
    )


def test_only_some_flags_are_defined():
    line = "--model=resnet20_dnn --width=3 --init_from=a"
    network = fields.parse(config_lib.Network, line.split())
    assert config_lib.resolve_network(network) == resolve(line)


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        # ceil(50 * 1437 / 32), the recipe's epochs.
        ("", 2246),
        ("--epochs=1", 45),
        ("--epochs=2 --train_examples=100", 7),
        ("--epochs=2 --train_examples=96", 6),
        ("--epochs=0.5 --train_examples=64", 1),
        ("--epochs=1.5 --train_examples=64", 3),
        ("--epochs=1 --batch_size=2000", 1),
        ("--epochs=3 --batch_size=1437", 3),
        ("--epochs=3 --batch_size=1436", 4),
        ("--train_steps=17", 17),
        ("--batch_size=64", 1123),
    ],
)
def test_epochs_become_steps(arguments, steps):
    config = resolve(f"--model=c4gap_dnn --dataset=digits {arguments}")
    assert config.train_steps == steps


@pytest.mark.parametrize("epochs", ["1e308", "1e12"])
def test_more_steps_than_can_be_counted_are_refused(epochs):
    with pytest.raises(UserError, match="Invalid --epochs.*Received: 1"):
        resolve(f"--model=fc_dnn --dataset=digits --epochs={epochs}")


# Besides those of which test_command_lines has what is said.
CANNOT_WORK = """
--model=c4gap
--model=c4gap_
--model=_dlgn
--model=resnet21_dlgn
--model=C4GAP_DLGN
--dataset=
--model=resnet110_dnn --depth=111
--model=resnet32_dnn --block=bottleneck
--model=wrn28_10_dnn --depth=20
--model=wrn28_10_dnn --block=original
--model=vgg16_dnn --depth=12
--model=vgg16_dnn --kernel_size=3
--model=vgg16_dnn --shortcut=A
--model=c4gap_dnn --pooling=max
--model=c4gap_dnn --head_width=9
--model=fc_dnn --kernel_size=3
--model=fc_dgn --depth=1
--model=gconv_dnn --kernel_size=5
--model=c4gap_dnn --gate=hard
--model=c4gap_dnn --gate_beta=4
--model=c4gap_dnn --gate_epsilon=0
--model=c4gap_dnn --value_input=image
--model=c4gap_dgn --gate=hard --gate_epsilon=0.1
--model=c4gap_dgn --gate_beta=-1
--model=c4gap_dgn --gate_beta=nan
--model=c4gap_dgn --gate_beta=inf
--model=c4gap_dgn --gate_epsilon=nan
--model=c4gap_dgn --gate_epsilon=inf
--model=c4gap_dnn --gate_regime=joint
--model=c4gap_dnn --gates_from=a
--model=c4gap_dnn --gate_permutation=1,0,2,3
--gate_regime=frozen_random --gates_from=a
--gate_regime=frozen_random --gate_beta=4
--gate_regime=frozen_learned --gates_from=a --init_from=b
--gate_permutation=
--gate_permutation=1,2,3,4
--gate_permutation=0,1,2,-3
--gate_permutation=2031
--gate_permutation=3,2,1,0,x
--gate_permutation=ALL
--gate_permutation=1,0,2,3 --depth=3
--weights_seed=18446744073709551616
--model=c4gap_dnn --nesterov
--model=c4gap_dnn --nonesterov
--model=resnet20_dnn --optimizer=adam --momentum=0.5
--model=resnet20_dnn --nesterov --momentum=0
--model=wrn16_4_dnn --momentum=0
--model=resnet20_dnn --momentum=nan
--model=resnet20_dnn --learning_rates=0.1,0.2
--model=resnet20_dnn --boundaries=5
--learning_rates=0.1,0.2,0.3 --boundaries=5,5
--learning_rates=0.1,0.2 --boundaries=0
--learning_rates=0.1,0.2 --boundaries=-5
--learning_rates=0.1,0.2 --boundaries=1.5
--learning_rates=0.1,,0.2 --boundaries=5,6
--learning_rates=0
--learning_rates=-0.1
--learning_rates=nan
--learning_rates=inf
--l2=inf
--epochs=0
--epochs=nan
--epochs=1e30
--train_examples=50001
--checkpoint_every=
--checkpoint_every=0
--checkpoint_every=-5
--checkpoint_every=+5
--checkpoint_every=2.5
--checkpoint_every=0m
--checkpoint_every=nanm
--checkpoint_every=10s
--checkpoint_every=99999999999999999999
--checkpoint_every=²
--model=c4gap_dlgn --activation=swish
--model=c4gap_dlgn_sf --activation=relu
--model=c4gap_dnn --activation_beta=0.5
--model=c4gap_dnn --activation=beta_vq --activation_beta=2
--model=c4gap_dnn --activation=beta_vq --activation_beta=nan
--model=c4gap_dnn --activation_entropy=tsallis
--model=c1gap_dnn --members=2 --activation=swish
--model=largecnn_dnn --padding=circular
--model=largecnn_dnn --dataset=digits
--model=c4gap_dnn --apodized
--model=c1gap_dlgn --members=16
--model=c4gap_dnn --members=16
--model=c1gap_dnn --members=2 --depth=2
--model=c1gap_dnn --ensemble_rule=mean_logits
"""


@pytest.mark.parametrize("line", CANNOT_WORK.strip().splitlines())
def test_what_cannot_work(line):
    with pytest.raises(UserError, match="Expected .*Received: ") as error:
        resolve(line)
    assert "\n" not in str(error.value)


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


# As above.
@pytest.mark.parametrize(
    "argument",
    [
        "--block=c",
        "--width=0",
        "--width=1.5",
        "--train_steps=0",
        "--train_examples=0",
        "--l2=-1",
        "--momentum=1.01",
        "--momentum=-0.1",
        "--gate_epsilon=-0.1",
        "--eval_every=0",
        "--log_every=0",
        "--steps_per_loop=0",
        "--eval_batch_size=0",
        "--keep_checkpoints=0",
        "--weights_seed=-1",
        "--strategy=tpu",
        "--augmentation=flip",
    ],
)
def test_what_does_not_parse(argument):
    with pytest.raises(flags.Error):
        resolve(argument)


def round_trip(config, path):
    path.write_text(config.to_flags())
    return config_lib.read_flags(path)


@pytest.mark.parametrize("model", registry.names())
def test_flags_give_the_config_again(model, tmp_path):
    config = resolve(f"--model={model}")
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
    config = config_lib.from_flags(*arguments)
    assert round_trip(config, tmp_path / "flags.txt") == config
    # And once more: nothing drifts.
    again = config_lib.read_flags(tmp_path / "flags.txt")
    assert again.to_flags() == config.to_flags()


def test_flags_are_all_there(tmp_path):
    """Nothing is left to a default, which may change one day."""
    config = resolve("--model=resnet20_dlgn --data_dir=d --width=8")
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
    config = resolve("--model=c1gap_dnn --width=8 --members=16")
    assert config.architecture_options() == {
        "width": 8,
        "depth": 1,
        "kernel_size": 3,
        "padding": "same",
        "biases": True,
        "members": 16,
        "ensemble_rule": "mean_softmax",
    }


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


@pytest.mark.parametrize("name", ["crop", "flip_crop", "none"])
def test_a_run_of_vectors_that_were_shifted_is_read(name):
    """It was trained when that was allowed; training so is refused."""
    config = resolve(
        f"--model=fc_dlgn --dataset=sklearn:iris --augmentation={name}"
    )
    assert config.augmentation == name
    if name == "none":
        config_lib.check_environment(config)
        return
    with pytest.raises(UserError, match=f"none of vectors. Received: {name}"):
        config_lib.check_environment(config)


TWO = ["127.0.0.1:{port}", "127.0.0.1:2"]


@pytest.mark.parametrize(
    ("addresses", "index", "said"),
    [
        (TWO, 0, None),
        (TWO, "0", None),
        (TWO, -1, "-1"),
        (TWO, 0.5, "0.5"),
        (TWO, 2, '"index": 2'),
        (["127.0.0.1:{port}", "127.0.0.1"], 0, "'127.0.0.1', which is no HOST"),
        (["127.0.0.1:{port}", "127.0.0.1:99999"], 0, "99999', which is no"),
        (["127.0.0.1:{port}", "127.0.0.1:0"], 0, ":0', which is no"),
        (["127.0.0.1:{port}", 5], 0, "5, which is no HOST"),
        (["127.0.0.1:{port}"] * 2, 0, "an address twice"),
        (["127.0.0.1:{taken}", "127.0.0.1:2"], 0, "another process has"),
        (["127.0.0.1:2", "127.0.0.1:{taken}"], 0, None),
    ],
)
def test_addresses_of_several_machines(addresses, index, said, monkeypatch):
    """Every worker looks at all of them, and at its own port."""
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind(("", 0))
        taken.listen()
        ports = {
            "taken": taken.getsockname()[1],
            "port": free.getsockname()[1],
        }
        free.close()
        named = [
            x.format(**ports) if isinstance(x, str) else x for x in addresses
        ]
        task = {"type": "worker", "index": index}
        text = json.dumps({"cluster": {"worker": named}, "task": task})
        monkeypatch.setenv("TF_CONFIG", text)
        # As before a command imports it.
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        if said is None:
            cluster.check_cluster()
            return
        with pytest.raises(UserError, match="TF_CONFIG.*Received: ") as caught:
            cluster.check_cluster()
        assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inside", "split", "refused"),
    [
        ("data/run", False, True),
        ("data/a/run", False, True),
        ("data", False, True),
        ("data/.run", False, False),
        ("data/run", True, False),
        ("data", True, True),
        ("data_run", False, False),
    ],
)
def test_runs_that_would_be_classes(
    inside, split, refused, tmp_path, write_images
):
    """Their data would be others when they go on."""
    for part in ("train", "test") if split else (".",):
        write_images(tmp_path / "data" / part, (4, 4, 1), 3)
    config = resolve(
        f"--model=fc_dlgn --dataset=folder --data_dir={tmp_path / 'data'}"
        f" --run_dir={tmp_path / inside}"
    )
    if not refused:
        config_lib.check_environment(config)
        return
    with pytest.raises(UserError, match="none of the classes in --data_dir"):
        config_lib.check_environment(config)
