"""Fixtures of all tests. Imports TensorFlow only where a test needs it."""

import collections
import csv
import gc
import importlib.util
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Full float32 products on GPUs too: tests compare with NumPy.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

# Files of few tests that take minutes. At the end one worker would wait for
# the other; see tools/test.
_LONG = (
    "test_continuation.py",
    "test_workers.py",
    "test_jax.py",
    "test_backends.py",
    "test_tour.py",
    "test_training.py",
    "test_devices.py",
    "test_damage.py",
    "test_fitting.py",
    "test_experiments.py",
    "test_claims_of_gated_networks.py",
)


def pytest_collection_modifyitems(items):
    """Long files come first, and the CPU is split in two where that is asked.

    It cannot be split after TensorFlow's first operation, and importing
    TensorFlow takes seconds: so here, and only where a collected test asks for
    two replicas.
    """
    items.sort(key=lambda item: item.path.name not in _LONG)
    wanted = [
        i for i in items if "two_replicas" in getattr(i, "fixturenames", ())
    ]
    if wanted:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )


# What is imported and collected stays. The garbage collector would go through
# it again and again: a third of the time of importing TensorFlow.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter):
    """Prints the time of each of the slowest files."""
    seconds = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) > 1:
        terminalreporter.section("slowest 20 files, in seconds")
        for name, spent in seconds.most_common(20):
            terminalreporter.write_line(f"{spent:7.1f} {name}")


@pytest.fixture(scope="session")
def train_run():
    """A function that trains a small network on digits with Adam."""
    from dlgn_tf import config
    from dlgn_tf.training import loop

    def train(path, model, *arguments):
        fixed = ("--dataset=digits", "--optimizer=adam")
        given = (f"--run_dir={path}", f"--model={model}", *arguments)
        return loop.train(config.from_flags(*fixed, *given))

    return train


@pytest.fixture(scope="session")
def in_this_process():
    """A function that runs an entry point's module with arguments."""
    from dlgn_tf.command import fields

    def run(entry, *arguments):
        # Of a package whose __main__ only starts it.
        entry = getattr(entry, "command", entry)
        return entry.run(fields.parse(entry.Command, map(str, arguments)))

    return run


@pytest.fixture(scope="session")
def module_of():
    """A function that imports a file that belongs to no package."""

    def load(path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        # As where it runs: a tool has a folder beside it.
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(path.parent))
        return module

    return load


@pytest.fixture(scope="session")
def load_tool(module_of):
    """A function that imports a module of tools/."""

    def load(name):
        path = pathlib.Path(__file__).parents[1] / "tools" / f"{name}.py"
        if not path.is_file():
            pytest.skip("tools/ belongs to the checkout")
        return module_of(path)

    return load


@pytest.fixture(scope="session")
def read_table():
    """A function that reads a CSV file: a dict of strings for each row."""

    def read(path):
        with path.open() as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(scope="session")
def write_images():
    """A function that writes a folder of images, one folder for each class."""
    from PIL import Image

    def write(root, shape, of_class, classes=("ant", "bee", "cat")):
        rng = np.random.default_rng(0)
        for number, name in enumerate(classes):
            (root / name).mkdir(parents=True)
            images = rng.integers(0, 80, (of_class, *shape), dtype=np.uint8)
            for k, image in enumerate(
                np.squeeze(images + 80 * np.uint8(number))
            ):
                Image.fromarray(image).save(root / name / f"{k}.png")

    return write


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are drawn, and not rendered: of a page that is half the time.

    For tests of what stands in texts and tables alone.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda self, file, **options: Image.new("L", (1, 1)).save(file, "PNG"),
    )


@pytest.fixture(scope="session")
def enumerated_paths():
    """A function that gives the `Paths` of a model without biases to a logit.

    With `normalized` gates are divided so that the kernel is normalised.
    """
    from dlgn_tf.dual import paths
    from dlgn_tf.dual.coverage import structure_of

    def enumerate_paths(model, images, logit=0, normalized=False):
        structure = structure_of(model)
        gates = {
            site: np.asarray(gate, "float64")
            for site, gate in model.gates(images).items()
        }
        weights = {
            name: model.logits_network.get_layer(name).get_weights()[0]
            for name in (*gates, "logits")
        }
        weights["logits"] = weights["logits"][:, logit]
        if normalized:
            # H is of second order in the gates of each layer.
            for site, gate in gates.items():
                window = np.prod(weights[site].shape[:-2])
                gates[site] = gate / np.sqrt(gate.shape[-1] * window)
        inputs = np.asarray(model.normalization(images), "float64")
        if model.value_input == "ones":
            inputs = np.ones_like(inputs)
        if structure.kind != "convolutional":
            inputs = inputs.reshape(len(inputs), -1)
        arguments = list(gates.values()), list(weights.values())
        if structure.kind == "residual":
            *blocks, last = structure.blocks
            arguments = (
                [[gates[s] for s in sites] for sites in (*blocks, last)],
                [
                    [weights[s] for s in sites]
                    for sites in (*blocks, (*last, "logits"))
                ],
            )
        return getattr(paths, f"{structure.kind}_paths")(inputs, *arguments)

    return enumerate_paths


@pytest.fixture
def measure_claim():
    """A function that measures a registered claim, no slower than a scale.

    A claim that raises would "not hold", and pass where a test expects that.
    """
    from dlgn_tf.claims import registry, runner

    registry.register_papers()

    def measure(claim_id, seed=1, results_dir=None, scale="seconds"):
        (claim,) = registry.select(only=[claim_id], scale=scale)
        found = runner.measure(claim, seed, results_dir).measurement
        assert "traceback" not in found.values, found
        return found

    return measure


@pytest.fixture
def check_of():
    """A function that gives the `Check` of a registered claim."""
    from dlgn_tf.claims import registry

    def find(claim_id):
        registry.register_papers()
        (claim,) = registry.select(only=[claim_id], scale="accelerator")
        return claim.check

    return find


@pytest.fixture
def assert_measured(measure_claim):
    """A function that asks a claim for an answer, which may be no."""

    def check(claim_id, scale="seconds"):
        measurement = measure_claim(claim_id, scale=scale)
        assert measurement.holds in (True, False)

    return check


def _with_package():
    import dlgn_tf

    parent = pathlib.Path(dlgn_tf.__file__).parents[1]
    path = [str(parent), os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


@pytest.fixture(scope="session")
def package_environment():
    """Variables with which a process of another folder finds the package."""
    return _with_package()


@pytest.fixture(scope="session")
def jax_environment(package_environment):
    """As `package_environment`, for Keras on JAX.

    Compiling is most of the time, and the most of that is fusing operations.
    """
    return {
        **package_environment,
        "KERAS_BACKEND": "jax",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false",
    }


# Root heeds permissions where CAP_DAC_OVERRIDE has gone, from the next exec on.
_UNPRIVILEGED = """
import ctypes, os, sys
if not os.geteuid() and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
    sys.exit("prctl")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def unprivileged(tmp_path):
    """Words in place of `python`, for one that heeds permissions."""
    folder = tmp_path / "probe"
    folder.mkdir(mode=0o555)
    python = [sys.executable, "-c", _UNPRIVILEGED]
    probe = [*python, "-c", "open('x', 'w')"]
    if not subprocess.run(probe, cwd=folder, capture_output=True).returncode:
        pytest.skip("root writes to read-only directories")
    return python


@pytest.fixture(scope="session")
def printed_by(tmp_path_factory):
    """A function that runs code in a process of its own; what it prints."""

    def run(code):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path_factory.mktemp("process"),
            env=_with_package(),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def two_replicas():
    """A `MirroredStrategy` over two logical CPU devices.

    Each strategy numbers its reductions from the same start, and TensorFlow
    refuses a number that comes again with another dtype; hence the new start,
    as in TensorFlow's own tests.
    """
    import tensorflow as tf

    tf.distribute.MirroredStrategy._collective_key_base += 100_000
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    # For those that the test itself makes.
    tf.distribute.MirroredStrategy._collective_key_base += 100_000
    return strategy


@pytest.fixture
def rng():
    """A NumPy generator, the same in every test."""
    return np.random.default_rng(20211006)


@pytest.fixture
def float64():
    """Makes layers and inputs float64 for the duration of a test."""
    from dlgn_tf.claims.small_networks import floating_point

    with floating_point("float64"):
        yield


@pytest.fixture
def dtype_policy():
    """A function that sets Keras' global policy until the test's end."""
    import keras

    policy = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(policy)


@pytest.fixture(scope="session")
def browser(module_of):
    """The module tests/browser.py; skips where Chromium is not installed."""
    module = module_of(pathlib.Path(__file__).with_name("browser.py"))
    if module.CHROMIUM is None:
        pytest.skip("no chromium on PATH")
    return module
