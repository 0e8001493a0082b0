"""Measures speed against named alternatives, in the same process by turns.

  python tools/benchmark.py --only=pipeline,step --rounds=5 --output_dir=DIR

Each comparison runs both sides in every round and reports the ratio of their
speeds (above 1: ours is faster) as minimum, median and maximum over the rounds.
Results go to DIR/benchmark.md and DIR/benchmark.json.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    only: tuple[str, ...] | None = flag(
        None,
        "Comma-separated, of pipeline, step, families, ensemble, evaluation, "
        "checkpoint, startup, first_step, orthogonal, npk, npk_trained, "
        "folder, converted, vectors. Default: all.",
    )
    rounds: int = flag(5, "Rounds of each.", least=1)
    batch_size: int = flag(128, "Images a step.", least=1)
    steps: int = flag(10, "Training steps a round.", least=1)
    data_dir: str | None = flag(
        None,
        "Prepared TFDS data sets: real CIFAR-10 for the kernels.",
        path=True,
    )
    torch_python: str | None = flag(
        None,
        "A Python that has PyTorch, beside which vectors are trained. Default: "
        "this one, if it has it.",
        path=True,
    )
    output_dir: str | None = flag(
        None, "Folder for the table and the JSON.", path=True
    )


BENCHMARKS = {}


@dataclasses.dataclass
class Comparison:
    """Seconds of both sides for the same work, round by round."""

    name: str
    ours: str
    other: str
    unit: str
    amount: float
    seconds: list
    note: str = ""

    def row(self):
        ratios = sorted(other / ours for ours, other in self.seconds)
        fast = [
            statistics.median(side) for side in zip(*self.seconds, strict=True)
        ]
        rates = [self.amount / seconds for seconds in fast]
        return {
            "benchmark": self.name,
            "ours": self.ours,
            "other": self.other,
            "unit": self.unit,
            "ours_median": rates[0],
            "other_median": rates[1],
            "ratio_min": ratios[0],
            "ratio_median": statistics.median(ratios),
            "ratio_max": ratios[-1],
            "rounds": len(ratios),
            "note": self.note,
        }


def benchmark(function):
    BENCHMARKS[function.__name__] = function
    return function


def by_turns(ours, other, rounds):
    """Runs both once to warm up, then by turns; returns pairs of seconds."""
    ours()
    other()
    return [(timed(ours), timed(other)) for _ in range(rounds)]


def timed(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def random_images(count, shape=(32, 32, 3)):
    import numpy as np

    from dlgn_tf.data.images import ImageSet

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *shape), np.uint8)
    return ImageSet(images, rng.integers(0, 10, count).astype("int32"))


@benchmark
def pipeline(options):
    """Flip, pad, crop: vectorised NumPy against tf.image on each image."""
    import tensorflow as tf

    from dlgn_tf.data import batches

    # Long enough that starting a pipeline does not count.
    images, steps = random_images(50_000), 500
    sampler = batches.BatchSampler(images, options.batch_size, 0, "flip_crop")

    def drain(dataset):
        # In a graph, as the training loop reads it.
        dataset.reduce(tf.constant(0), lambda count, _: count + 1).numpy()

    def augment(image, label):
        image = tf.cast(image, tf.float32) / 255.0
        image = tf.image.random_flip_left_right(image)
        image = tf.image.pad_to_bounding_box(image, 4, 4, 40, 40)
        return tf.image.random_crop(image, (32, 32, 3)), label

    stored = tf.data.Dataset.from_tensor_slices((images.images, images.labels))
    per_image = (
        stored.shuffle(50_000)
        .repeat()
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(options.batch_size)
        .take(steps)
        .prefetch(tf.data.AUTOTUNE)
    )
    seconds = by_turns(
        lambda: drain(batches.train_dataset(sampler, 0, steps)),
        lambda: drain(per_image),
        options.rounds,
    )
    amount = steps * options.batch_size
    yield Comparison(
        "pipeline",
        "batch_at in NumPy",
        "tf.image on each image",
        "images/s",
        amount,
        seconds,
    )


def training_job(name, options, **model_options):
    """A function that trains `options.steps` steps of a model of the zoo."""
    from dlgn_tf.models.build import create_model

    model = create_model(name, seed=0, **model_options)
    return job_of(model, options.batch_size, options.steps)


def job_of(model, batch_size, count):
    """A function that trains `count` steps of a model of images."""
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.training import optimizers
    from dlgn_tf.training.steps import TrainingSteps

    optimizer = optimizers.sgd(optimizers.learning_rate((0.01,)))
    strategy = tf.distribute.get_strategy()
    steps = TrainingSteps(model, optimizer, strategy, batch_size, 1e-4)
    images = random_images(2_000, model.input_shape[1:])
    sampler = batches.BatchSampler(images, batch_size, 0, "flip_crop")
    iterator = iter(batches.train_dataset(sampler, 0, 10**6))
    return lambda: steps(iterator, count)


def fit_job(name, options):
    """The same model on stock Keras layers, trained by `fit`."""
    import keras

    from dlgn_tf.data import batches
    from dlgn_tf.layers import BatchNorm
    from dlgn_tf.models.build import create_model

    ours = create_model(name, seed=0)

    def stock(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization(name=layer.name)
        if "kernel_regularizer" in (config := layer.get_config()):
            config["kernel_regularizer"] = keras.regularizers.L2(1e-4)
            return type(layer).from_config(config)
        return type(layer).from_config(config)

    network = keras.models.clone_model(ours.network, clone_function=stock)
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, network(keras.layers.Rescaling(1 / 255)(image)))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    sampler = batches.BatchSampler(
        random_images(2_000), options.batch_size, 0, "flip_crop"
    )
    dataset = batches.train_dataset(sampler, 0, options.steps)
    return lambda: model.fit(dataset, verbose=0)


@benchmark
def step(options):
    """ResNet-20: the own loop and layers against stock Keras and `fit`."""
    seconds = by_turns(
        training_job("resnet20_dnn", options),
        fit_job("resnet20_dnn", options),
        options.rounds,
    )
    yield _steps("step", "own loop", "stock Keras fit", seconds, options)


@benchmark
def families(options):
    """What a DLGN costs beside a DNN, and a constant beside the image."""
    dnn = training_job("resnet20_dnn", options)
    image = training_job("resnet20_dlgn", options)
    ones = training_job("resnet20_dlgn", options, value_input="ones")
    pairs = (
        # The ratio of speeds is the inverse of the ratio of costs.
        ("resnet20 DLGN(x, x)", image, "resnet20 DNN", dnn),
        ("resnet20 DLGN(x, 1)", ones, "resnet20 DLGN(x, x)", image),
    )
    for ours, run_ours, other, run_other in pairs:
        seconds = by_turns(run_ours, run_other, options.rounds)
        yield _steps("families", ours, other, seconds, options)


@benchmark
def ensemble(options):
    """16 C1GAP members as one model against 16 steps of a single one.

    Batch 32 and Adam, as published, whatever --batch_size says.
    """
    import keras
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model
    from dlgn_tf.training.steps import TrainingSteps

    members, batch_size = 16, 32
    images = random_images(2_000)

    def job(count, steps):
        model = create_model("c1gap_dnn", seed=0, members=count)
        train = TrainingSteps(
            model,
            keras.optimizers.Adam(3e-4),
            tf.distribute.get_strategy(),
            batch_size,
            0.0,
        )
        sampler = batches.BatchSampler(images, batch_size, 0, "none")
        iterator = iter(batches.train_dataset(sampler, 0, 10**6))
        return lambda: train(iterator, steps)

    seconds = by_turns(
        job(members, options.steps),
        job(1, members * options.steps),
        options.rounds,
    )
    yield Comparison(
        "ensemble",
        "16 members as one",
        "16 separate steps",
        "images/s a member",
        options.steps * batch_size,
        seconds,
    )


def _steps(name, ours, other, seconds, options):
    amount = options.steps * options.batch_size
    return Comparison(name, ours, other, "images/s", amount, seconds)


@benchmark
def evaluation(options):
    """ResNet-20 over 1,000 images: own evaluation against `evaluate`."""
    import keras
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model
    from dlgn_tf.training.steps import Evaluation

    images = random_images(1_000)
    model = create_model("resnet20_dnn", seed=0)
    own = Evaluation(model, tf.distribute.get_strategy())
    dataset = batches.test_dataset(images, 250)
    stock = keras.models.clone_model(
        model.network,
        clone_function=lambda layer: (
            keras.layers.BatchNormalization(name=layer.name)
            if type(layer).__name__ == "BatchNorm"
            else type(layer).from_config(layer.get_config())
        ),
    )
    stock.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    floats = dataset.map(lambda x, y: (tf.cast(x, tf.float32) / 255, y))
    seconds = by_turns(
        lambda: own(dataset, len(images)),
        lambda: stock.evaluate(floats, verbose=0),
        options.rounds,
    )
    yield Comparison(
        "evaluation",
        "own evaluation",
        "stock Keras evaluate",
        "images/s",
        len(images),
        seconds,
    )


@benchmark
def checkpoint(options):
    """Saving ResNet-20 with its optimiser: checkpoint against .keras."""
    import tensorflow as tf

    from dlgn_tf.models.build import create_model
    from dlgn_tf.training import optimizers
    from dlgn_tf.training.checkpoints import Checkpoints

    model = create_model("resnet20_dlgn", seed=0)
    optimizer = optimizers.sgd(optimizers.learning_rate((0.01,)))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer)
    folder = tempfile.mkdtemp()
    written = tf.train.Checkpoint(model=model, optimizer=optimizer)
    numbers = iter(range(10**6))
    checkpoints = Checkpoints(folder)

    def save():
        checkpoints.save(next(numbers), {}, written.write, keep=2)

    seconds = by_turns(
        save, lambda: model.save(f"{folder}/model.keras"), options.rounds
    )
    yield Comparison(
        "checkpoint",
        "checkpoint with manifest",
        "model.save",
        "saves/s",
        1,
        seconds,
    )


@benchmark
def startup(options):
    """Seconds to the answer of --help, and to import TensorFlow alone."""
    train = [sys.executable, "-m", "dlgn_tf.train"]
    seconds = [
        (
            timed(lambda: subprocess.run([*train, "--help"], capture_output=1)),
            timed(lambda: subprocess.run(_IMPORT, capture_output=1)),
        )
        for _ in range(options.rounds)
    ]
    yield Comparison(
        "startup", "--help", "import tensorflow", "answers/s", 1, seconds
    )


_IMPORT = [sys.executable, "-c", "import tensorflow"]

_FIRST_STEP = """
import os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow, keras
sys.path.insert(0, {tools!r})
import benchmark
class options: steps, batch_size = 1, 128
began = time.perf_counter()
{body}
print(time.perf_counter() - began)
"""


@benchmark
def first_step(options):
    """ResNet-110 DLGN: from building the model to the end of a first step."""
    tools = str(pathlib.Path(__file__).parent)
    bodies = (
        'benchmark.training_job("resnet110_dlgn", options)()',
        'benchmark.fit_job("resnet110_dnn", options)()',
    )

    def run(body):
        code = _FIRST_STEP.format(tools=tools, body=body)
        answer = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(answer.stdout.split()[-1])

    rounds = min(options.rounds, 3)
    seconds = [tuple(run(body) for body in bodies) for _ in range(rounds)]
    yield Comparison(
        "first_step",
        "resnet110 DLGN, own loop",
        "resnet110 DNN, stock Keras fit",
        "first steps/s",
        1,
        seconds,
    )


@benchmark
def orthogonal(options):
    """Orthogonal filters, forward and back, and what they add to a step.

    Against the Gram-Schmidt process as published, column by column, and
    against `tf.linalg.qr`, all as graphs on float32 kernels as Glorot's
    initialisation makes them. The step is that of largecnn, batch 50 and Adam,
    whatever --batch_size says.
    """
    for filters, inputs in ((192, 1728), (96, 864), (192, 192)):
        yield from _orthogonalizations(filters, inputs, options.rounds)
    batch_size = 50
    orthogonal, plain = (
        _largecnn_job(batch_size, options.steps, filters)
        for filters in (True, False)
    )
    yield Comparison(
        "orthogonal",
        "largecnn, Gram-Schmidt",
        "largecnn, plain kernels",
        "images/s",
        options.steps * batch_size,
        by_turns(orthogonal, plain, options.rounds),
    )


# Of what takes milliseconds, in a round.
_CALLS = 20


def _orthogonalizations(filters, inputs, rounds):
    """Ours against the loop and against a QR decomposition."""
    import numpy as np
    import tensorflow as tf

    from dlgn_tf.layers import orthogonalization

    rng = np.random.default_rng(0)
    limit = (6 / (inputs + filters)) ** 0.5
    kernel = rng.uniform(-limit, limit, (inputs, filters)).astype("float32")
    kernel = tf.constant(kernel)
    upstream = rng.normal(size=kernel.shape).astype("float32")

    def ours(matrix):
        return orthogonalization.gram_schmidt(matrix, "residual")

    def qr(matrix):
        q, r = tf.linalg.qr(matrix)
        return q * tf.linalg.diag_part(r)

    def there_and_back(function):
        @tf.function
        def run(matrix):
            with tf.GradientTape() as tape:
                tape.watch(matrix)
                value = function(matrix)
            return tape.gradient(value, matrix, upstream)

        def calls():
            # A single one is over before the machine is at its pace.
            for _ in range(_CALLS - 1):
                run(kernel)
            run(kernel).numpy()

        return calls

    found = orthogonalization.gram_schmidt(kernel).numpy().astype("float64")
    error = np.abs(found.T @ found - np.eye(filters)).max()
    for name, other in (
        ("the loop of the authors' code", orthogonalization.gram_schmidt_loop),
        ("tf.linalg.qr", qr),
    ):
        seconds = by_turns(there_and_back(ours), there_and_back(other), rounds)
        yield Comparison(
            "orthogonal",
            f"Gram-Schmidt, {filters} filters of {inputs}",
            name,
            "forward and back/s",
            _CALLS,
            seconds,
            f"largest |Q'Q - I| {error:.1e}",
        )


def _largecnn_job(batch_size, steps, orthogonal):
    """A function that trains largecnn (SMASO paper, appendix D)."""
    import keras
    import tensorflow as tf

    from dlgn_tf.data import batches
    from dlgn_tf.models.build import create_model
    from dlgn_tf.models.orthogonal_options import OrthogonalFilters
    from dlgn_tf.training.steps import TrainingSteps

    filters = OrthogonalFilters() if orthogonal else None
    train = TrainingSteps(
        create_model("largecnn_dnn", seed=0, orthogonal=filters),
        keras.optimizers.Adam(5e-4),
        tf.distribute.get_strategy(),
        batch_size,
        0.0,
    )
    sampler = batches.BatchSampler(random_images(2_000), batch_size, 0, "none")
    iterator = iter(batches.train_dataset(sampler, 0, 10**6))
    return lambda: train(iterator, steps)


@benchmark
def npk(options):
    """Neural path kernels against the next best way to the same numbers.

    Hard gates of random networks. For fc and c4gap the other way is to draw
    weights, +-sigma, and to take the tangent kernel from gradients of each
    image: its mean over draws is the kernel, and the error of one draw, which
    is measured, says how many lead to 1 %. It is measured on fewer images and
    counted as proportional to them, and to the draws.
    """
    yield _npk_of_fc(options.rounds)
    # Minutes each.
    yield _npk_of_c4gap(1, options.data_dir)
    yield _npk_of_blocks(options.rounds)


def _npk_of_fc(rounds):
    import numpy as np

    from dlgn_tf.data import sources

    width, depth, count = 1024, 5, 2000
    digits = np.concatenate([s.images for s in sources.load("digits")])
    return _npk_against_gradients(
        f"fc, {depth - 1} x {width}, {count} digits",
        _hard("fc_dgn", (8, 8, 1), depth=depth, width=width, biases=False),
        # There are 1,797; some come twice.
        np.resize(digits, (count, 8, 8, 1)),
        products=(depth - 1) * width + 64,
        bound=0.5,
        rounds=rounds,
    )


def _npk_of_c4gap(rounds, data_dir):
    from dlgn_tf.data import sources

    count, width = 200, 32
    if data_dir:
        name = "CIFAR-10 images"
        images, _ = sources.load("cifar10", data_dir, train_examples=count)
    else:
        name, images = "random images 32x32", random_images(count)
    return _npk_against_gradients(
        f"c4gap, width {width}, {count} {name}",
        _hard(
            "c4gap_dgn",
            (32, 32, 3),
            width=width,
            padding="circular",
            biases=False,
        ),
        images.images,
        products=1024**2 * (4 * width + 27),
        bound=1.0,
        rounds=rounds,
    )


def _hard(name, shape, **options):
    """A network of one logit with hard gates."""
    from dlgn_tf.models.build import create_model

    return create_model(name, shape, 1, gate="hard", seed=0, **options)


@benchmark
def npk_trained(options):
    """Kernels of networks that pad with zeros, stride, pool and skip.

    As `npk`, against draws of gradients: ResNet-20 on images of two sizes, and
    two convolutions of 64 channels with a pooling between them, on 64 images
    and within 1 GiB.
    """
    for side in (8, 16):
        model = _hard("resnet20_dgn", (side, side, 3), width=8)
        yield _npk_of_plan(
            f"resnet20, width 8, 100 images {side}x{side}", model, 100
        )
    yield _npk_of_plan(
        "conv 64, pool, conv 64, 64 images 16x16", _pooled(64, (16, 16, 3)), 64
    )


def _pooled(filters, shape):
    import keras
    from keras import layers

    from dlgn_tf import from_keras

    h = x = keras.Input(shape)
    h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
    h = layers.AveragePooling2D(2)(h)
    h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
    y = layers.Dense(1)(layers.GlobalAveragePooling2D()(h))
    return from_keras(keras.Model(x, y), "dgn", gate="hard", seed=0)


def _npk_of_plan(name, model, count):
    """A single round: minutes, most of them of gradients."""
    from dlgn_tf.dual.costs import operations
    from dlgn_tf.dual.value_graph import plan_of

    return _npk_against_gradients(
        name,
        model,
        random_images(count, model.image_shape).images,
        products=operations(plan_of(model)) // 2,
        bound=1.0,
        rounds=1,
    )


def _npk_against_gradients(name, model, images, products, bound, rounds):
    """Kernel of all images, and draws of the tangent kernel of some.

    Args:
        model: A network of one logit without biases.
        products: Integer, multiplications of numbers for a pair of images.
        bound: Float, GiB that are granted.
    """
    import numpy as np

    from dlgn_tf.dual import neural_path_kernel

    some = images[:20]
    variances, draw = _tangent_kernels(model, some)
    limit = neural_path_kernel(model, some, variances=variances)
    errors = [
        np.linalg.norm(draw() - limit) / np.linalg.norm(limit) for _ in range(8)
    ]
    error = float(np.sqrt(np.mean(np.square(errors))))
    draws = max(1.0, (error / 0.01) ** 2)

    def ours():
        return neural_path_kernel(model, images, memory_gib=bound)

    forget_peak()
    before = resident_gib()
    seconds, rates = [], []
    for _ in range(rounds):
        rates.append(matrix_product_rate())
        own = timed(ours)
        seconds.append((own, timed(draw) * draws * len(images) / len(some)))
    peak = peak_gib() - before
    pairs = len(images) * (len(images) + 1) / 2
    share = _share_of_rate(2 * products * pairs, seconds, max(rates))
    return Comparison(
        "npk",
        name,
        f"{draws:.0f} draws of gradients",
        "pairs/s",
        pairs,
        seconds,
        f"{statistics.median(own for own, _ in seconds):.3g} s; "
        f"{share}; {peak:.2f} GiB of {bound} granted; one draw of gradients is "
        f"{error:.0%} off",
    )


def _share_of_rate(operations, seconds, rate):
    """Text: the rate of the fastest round beside that of a matrix product."""
    achieved = operations / min(own for own, _ in seconds)
    return (
        f"{achieved / 1e9:.0f} GFLOP/s of {rate / 1e9:.0f} that a float64 "
        f"matrix product reaches ({achieved / rate:.0%}; hard gates are "
        "multiplied in float32)"
    )


def _npk_of_blocks(rounds):
    """A residual network of 18 blocks: 2^18 sub-networks."""
    import numpy as np

    from dlgn_tf.dual import residual

    skips, fewer, count, width, bound = 18, 8, 2000, 128, 0.25
    rng = np.random.default_rng(0)
    gates = [
        [(rng.random((count, width)) > 0.5).astype("uint8")]
        for _ in range(skips + 1)
    ]
    inputs = rng.normal(size=(count, 64))

    def by_subsets(product, rest):
        """Each sub-network costs a single elementwise product."""
        if not rest:
            return product
        return by_subsets(product, rest[1:]) + by_subsets(
            product * rest[0], rest[1:]
        )

    def other():
        grams = [
            g.astype("float64") @ g.T.astype("float64") / width
            for (g,) in gates
        ]
        return by_subsets(inputs @ inputs.T * grams[0], grams[1 : fewer + 1])

    def ours(blocks=skips):
        return residual([*gates[: blocks + 1], []], inputs, memory_gib=bound)

    np.testing.assert_allclose(ours(fewer), other(), rtol=1e-10)
    forget_peak()
    before = resident_gib()
    whole = [timed(ours) for _ in range(rounds)]
    peak, rate = peak_gib() - before, matrix_product_rate()
    seconds = [
        (ours_all / 2**skips, timed(other) / 2**fewer) for ours_all in whole
    ]
    products = (skips + 1) * width + inputs.shape[1]
    share = _share_of_rate(
        products * count * (count + 1), [(each, None) for each in whole], rate
    )
    return Comparison(
        "npk",
        f"fcresnet, {skips} blocks of {width}, {count} images",
        f"sum over subsets of {fewer} blocks",
        "sub-networks/s",
        1,
        seconds,
        f"{statistics.median(whole):.3g} s for all 2^{skips}; {share}; "
        f"{peak:.2f} GiB of {bound} granted; the sum over subsets takes as "
        "long for each with more blocks",
    )


def _tangent_kernels(model, images):
    """Variances of the weights, and a function that draws a tangent kernel."""
    import numpy as np
    import tensorflow as tf

    gates = [tf.constant(g) for g in model.gates(images).values()]
    pixels = model.normalization(images)
    variables = model.value_network.trainable_variables
    weights = [x for x in variables if x.name == "kernel"]
    # 2 by the number of units that a unit sees.
    variances = [2 / np.prod(w.shape[:-1]) for w in weights]
    rng = np.random.default_rng(0)

    @tf.function
    def gradients(inputs):
        with tf.GradientTape() as tape:
            output = model.value_network([x[tf.newaxis] for x in inputs])
        found = tape.gradient(output, weights)
        return tf.concat([tf.reshape(g, [-1]) for g in found], 0)

    def draw():
        for weight, variance in zip(weights, variances, strict=True):
            signs = rng.choice([-1.0, 1.0], weight.shape)
            weight.assign(signs * variance**0.5)
        rows = tf.stack(
            [gradients(x) for x in zip(pixels, *gates, strict=True)]
        )
        return tf.matmul(rows, rows, transpose_b=True).numpy()

    return variances, draw


# Decoded images that are kept, in GiB, and images of the two folders.
_KEPT_GIB, _FOLDERS = (0.0, 0.15), (5_000, 20_000)
_PRINT_PEAK = """
print([x for x in open("/proc/self/status") if x.startswith("VmHWM")][0])
"""
_PASS = """
import sys
from dlgn_tf.data import given
from dlgn_tf.data.batches import BatchSampler, train_dataset
data = given.from_folder(sys.argv[1], cache_gib=float(sys.argv[2]))
sampler = BatchSampler(data.train, 128, 0, "flip_crop")
steps = len(data.train) // 128
for _ in train_dataset(sampler, 0, steps):
    pass
"""


@benchmark
def folder(options):
    """PNGs of 96x96 from the disk, augmented, against Keras' reader.

    A round is a pass over all of the larger folder.
    """
    with tempfile.TemporaryDirectory() as root:
        for count in _FOLDERS:
            _write_pngs(f"{root}/{count}", count)
        for kept in _KEPT_GIB:
            peaks = [
                _alone(_PASS, f"{root}/{count}", str(kept))[1]
                for count in _FOLDERS
            ]
            ours, other = _folder_jobs(
                f"{root}/{count}", kept, options.batch_size
            )
            sizes = " and ".join(f"{count:,}" for count in _FOLDERS)
            shown = " and ".join(f"{peak:.2f}" for peak in peaks)
            yield Comparison(
                f"folder of {count:,} PNGs of 96x96",
                f"own pipeline, {kept} GiB kept decoded",
                "image_dataset_from_directory",
                "images/s",
                count // options.batch_size * options.batch_size,
                by_turns(ours, other, options.rounds),
                f"peak memory of one pass over {sizes} images {shown} GiB",
            )


def _alone(script, *arguments):
    """What a script prints in a process of its own, and its peak in GiB."""
    told = subprocess.run(
        [sys.executable, "-c", script + _PRINT_PEAK, *arguments],
        check=True,
        capture_output=True,
    )
    *words, _, peak, _ = told.stdout.split()
    return words, int(peak) / 2**20


def _write_pngs(root, count):
    """Smooth colours with some noise, in ten classes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for k in range(10):
        pathlib.Path(root, f"class{k}").mkdir(parents=True)
    for k in range(count):
        small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        large = np.asarray(small.resize((96, 96), Image.Resampling.BICUBIC))
        noise = rng.integers(-6, 7, large.shape)
        image = (large + noise).clip(0, 255).astype("uint8")
        Image.fromarray(image).save(f"{root}/class{k % 10}/{k}.png")


def _folder_jobs(path, kept, size):
    """Functions that draw a pass of augmented batches, by a pipeline each."""
    import itertools

    import keras
    import tensorflow as tf

    from dlgn_tf.data import given
    from dlgn_tf.data.batches import BatchSampler, train_dataset

    data = given.from_folder(path, cache_gib=kept)
    sampler = BatchSampler(data.train, size, 0, "flip_crop")
    steps = len(data.train) // size
    starts = itertools.count(steps, steps)

    def augment(images, labels):
        images = tf.image.random_flip_left_right(images)
        images = tf.image.resize_with_crop_or_pad(images, 104, 104)
        shape = (tf.shape(images)[0], 96, 96, 3)
        return tf.image.random_crop(images, shape), labels

    theirs = keras.utils.image_dataset_from_directory(
        path, image_size=(96, 96), batch_size=size, verbose=False
    )
    theirs = theirs.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    # What is drawn ahead must not be done while the other side is measured.
    theirs = theirs.take(steps).prefetch(tf.data.AUTOTUNE)

    def draw(batches):
        for _ in batches:
            pass

    def ours():
        start = next(starts)
        draw(train_dataset(sampler, start, start + steps))

    # One pass, until what is kept is decoded.
    draw(train_dataset(sampler, 0, steps))
    return ours, lambda: draw(theirs)


# Prints the seconds of a conversion.
_CONVERSION = """
import time
import keras
import dlgn_tf
model = keras.applications.ResNet50(
    weights=None, input_shape=(64, 64, 3), classes=10
)
began = time.perf_counter()
dlgn_tf.from_keras(model, family="dlgn", max_pooling="average")
print(time.perf_counter() - began)
"""


@benchmark
def converted(options):
    """Keras' ResNet50 at 64x64 taken apart: a DLGN's step beside its DNN's.

    Batches of 32, whatever --batch_size says.
    """
    import keras

    from dlgn_tf.models.conversion import from_keras

    (took, *_), peak = _alone(_CONVERSION)
    model = keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=10
    )
    batch_size = 32
    dlgn, dnn = (
        job_of(
            from_keras(model, family=family, max_pooling="average", seed=0),
            batch_size,
            options.steps,
        )
        for family in ("dlgn", "dnn")
    )
    yield Comparison(
        "converted",
        "ResNet50 at 64x64 as a DLGN",
        "as a DNN",
        "images/s",
        options.steps * batch_size,
        by_turns(dlgn, dnn, options.rounds),
        f"conversion to a DLGN in {float(took):.1f} s, with a peak of "
        f"{peak:.2f} GiB in a process of its own",
    )


# Epochs of a round, and seconds within which a published fit is to end.
_EPOCHS, _GOALS = 20, {"sdi": 90.0, "sdii": 300.0}
# The same network and training on random points: an eager loop, which trains as
# often as it is asked to.
_TORCH = """
import sys, time
import torch
inputs, count, batches, epochs = map(int, sys.argv[1:5])
beta, rate = map(float, sys.argv[5:7])
widths = [*map(int, sys.argv[7:])]
below = [inputs, *widths[:-1]]
linear = lambda n, m: torch.nn.Linear(n, m, bias=False)
gating = torch.nn.ModuleList(map(linear, below, widths))
value = torch.nn.ModuleList(map(linear, below, widths))
last = linear(widths[-1], 1)
x = torch.nn.functional.normalize(torch.randn(count, inputs))
y = torch.sign(torch.randn(count, 1))
weights = [p for m in (gating, value, last) for p in m.parameters()]
adam = torch.optim.Adam(weights, rate)
for _ in sys.stdin:
    began = time.perf_counter()
    for _ in range(epochs):
        for chosen in torch.randperm(count).chunk(batches):
            q, v = x[chosen], torch.ones(1, inputs)
            for gate, layer in zip(gating, value):
                q = gate(q)
                v = torch.sigmoid(beta * q) * layer(v)
            z = last(v)
            loss = torch.nn.functional.softplus(-2 * y[chosen] * z).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
    print(time.perf_counter() - began, flush=True)
"""


@benchmark
def vectors(options):
    """The published DLGN on SDI: an epoch beside others', and whole fits."""
    from dlgn_tf.tabular.trees import published

    setting, task = published.PUBLISHED["sdi", "dlgn"], published.task("sdi")
    (x, labels), _, _ = task.parts()
    own = _vectors_job(x, labels, setting)
    others = {
        "scikit-learn's MLPClassifier": _classifier_job(x, labels, setting)
    }
    python = _with_torch(options)
    torch = python and subprocess.Popen(
        [
            *(python, "-c", _TORCH, *map(str, (x.shape[1], len(x)))),
            *map(str, (10, _EPOCHS, setting.beta, setting.learning_rate)),
            *map(str, setting.widths),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if torch:
        others["PyTorch's eager loop"] = lambda: _asked(torch)
    else:
        print("no PyTorch, which is left out", file=sys.stderr, flush=True)
    try:
        for name, other in others.items():
            yield Comparison(
                "vectors",
                "DLGN of 5x20 on SDI",
                f"{name}, 5x20",
                "epochs/s",
                _EPOCHS,
                by_turns(own, other, options.rounds),
                "the MLPClassifier has no gating network, so half the weights",
            )
    finally:
        if torch:
            torch.stdin.close()
            torch.wait()
    for (name, family), setting in published.PUBLISHED.items():
        if name in _GOALS:
            yield _whole_fit(name, family, setting)


def _vectors_job(x, labels, setting):
    from dlgn_tf.tabular import fitting, networks
    from dlgn_tf.tabular.trees import published

    form = networks.Form("dlgn", x.shape[1], setting.widths, beta=setting.beta)
    weights, rows = networks.initial(form, 0), published.rows(x, labels)
    rate = setting.learning_rate
    plan = fitting.Plan("logistic", _EPOCHS, 10, rate)
    return lambda: fitting.fit(form, weights, rows, plan)


def _classifier_job(x, labels, setting):
    import warnings

    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        setting.widths,
        batch_size=len(x) // 10,
        learning_rate_init=setting.learning_rate,
        max_iter=_EPOCHS,
        tol=0.0,
        n_iter_no_change=_EPOCHS,
        random_state=0,
    )
    x = x.astype("float32")

    def train():
        with warnings.catch_warnings():
            # It is to end before it has converged.
            warnings.simplefilter("ignore")
            classifier.fit(x, labels)

    return train


def _with_torch(options):
    """A Python that imports PyTorch, or None."""
    python = options.torch_python or sys.executable
    found = subprocess.run(
        [python, "-c", "import torch"], capture_output=True
    ).returncode
    if found and options.torch_python:
        raise UserError(
            "Expected --torch_python to be a Python that imports torch. "
            f"Received: {python}"
        )
    return None if found else python


def _asked(process):
    """Lets a process train once."""
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()


def _whole_fit(name, family, setting):
    """A published fit, once, beside the seconds that it may take."""
    from dlgn_tf.tabular.trees import published

    task, found = published.task(name), []
    seconds = timed(
        lambda: found.append(published.train(task, family, setting, seed=0))
    )
    return Comparison(
        "vectors",
        f"{family} on {name.upper()}, {published.EPOCHS:,} epochs",
        f"{_GOALS[name]:.0f} s",
        "fits/s",
        1,
        [(seconds, _GOALS[name])],
        f"{seconds:.1f} s, test accuracy {found[0].accuracy:.4f}",
    )


def matrix_product_rate(side=2000):
    """Floating point operations a second of a float64 product, best of 3."""
    import numpy as np

    a = np.random.default_rng(0).random((side, side))
    b = a.copy()
    return 2 * side**3 / min(timed(lambda: a @ b) for _ in range(3))


def resident_gib():
    """Memory of this process now, in GiB; 0 where it cannot be known."""
    return _of_status("VmRSS") or 0.0


def machine():
    """What it was measured on."""
    import keras
    import tensorflow as tf

    from dlgn_tf.output import origin

    return {
        "processor": origin.processor(),
        "cores": os.cpu_count(),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "load_before": round(os.getloadavg()[0], 2),
    }


def forget_peak():
    """Lets the peak of this process' memory begin anew, where Linux can."""
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak_gib():
    """Most memory of this process since `forget_peak`, in GiB.

    Both sides of a comparison count together, as they run in one process.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return _of_status("VmHWM") or own


def _of_status(name):
    """A figure that Linux keeps of this process, in GiB, or None."""
    try:
        status = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 2**20
    except (OSError, TypeError):
        return None


def markdown(rows, where):
    names = dict.fromkeys(row["benchmark"] for row in rows)
    lines = [
        f"# Speed beside named alternatives: {', '.join(names)}",
        "",
        "Ratio: speed of the first over speed of the second, by turns in one "
        "process (startup and first_step: in processes of their own). Peak "
        "memory: of the process that holds both.",
        "",
        ", ".join(f"{key} {value}" for key, value in where.items()),
        "",
        "| benchmark | ours | against | ours | against | unit "
        "| ratio min / median / max | rounds | peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['benchmark']} | {row['ours']} | {row['other']} "
            f"| {row['ours_median']:.4g} | {row['other_median']:.4g} "
            f"| {row['unit']} | {row['ratio_min']:.2f} / "
            f"{row['ratio_median']:.2f} / {row['ratio_max']:.2f} "
            f"| {row['rounds']} | {row['peak_gib']:.2f} GiB |"
        )
    # Comparisons of one thing with several say the same of it.
    notes = dict.fromkeys(
        f"{row['ours']}: {row['note']}" for row in rows if row["note"]
    )
    return "\n".join([*lines, *(f"\n{note}" for note in notes)]) + "\n"


def run(options):
    from dlgn_tf.data import catalog
    from dlgn_tf.output import origin

    names = options.only or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            raise UserError(
                f"Unknown benchmark. Expected some of {', '.join(BENCHMARKS)}. "
                f"Received: --only={name}"
            )
    if options.data_dir:
        catalog.check_available("cifar10", options.data_dir)
    where, rows = machine(), []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        forget_peak()
        found = [comparison.row() for comparison in BENCHMARKS[name](options)]
        rows += [{**row, "peak_gib": peak_gib()} for row in found]
    table = markdown(rows, where)
    print(table)
    if options.output_dir:
        folder = pathlib.Path(options.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "benchmark.md").write_text(table)
        (folder / "benchmark.json").write_text(
            json.dumps({"machine": where, "rows": rows}, indent=1)
        )
        origin.note_command(folder)


if __name__ == "__main__":
    cli.run(run, "tools/benchmark.py", __doc__, Command)
