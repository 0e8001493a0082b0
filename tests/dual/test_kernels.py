"""Kernels without enumeration: against it, and against all signs of weights."""

import itertools

import numpy as np
import pytest

from dlgn_tf.dual import kernels
from dlgn_tf.errors import UserError

TOLERANCE = {"rtol": 1e-10, "atol": 1e-14}


def test_equals_enumeration(tiny):
    expected = tiny.enumerated(normalized=True).kernel()
    np.testing.assert_allclose(tiny.kernel(), expected, **TOLERANCE)
    # Most pairs of images do share active paths.
    assert np.count_nonzero(expected) > expected.size / 2


def test_constant_input(tiny):
    """Ones: the kernel of gates alone, from every node."""
    tiny.inputs = np.ones_like(tiny.inputs)
    expected = tiny.enumerated(normalized=True).kernel()
    np.testing.assert_allclose(tiny.kernel(), expected, **TOLERANCE)


def test_two_sets_of_images(tiny):
    expected = tiny.kernel()[:, [3, 1]]
    found = tiny.kernel(**tiny.subset([3, 1]))
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found, expected, **TOLERANCE)


def test_symmetric_to_the_bit(tiny):
    kernel = tiny.kernel()
    np.testing.assert_array_equal(kernel, kernel.T)


def test_other_types_of_gates(tiny):
    expected = tiny.kernel()
    for dtype in ("bool", "uint8") if is_hard(tiny) else ("float64",):
        tiny.gates = tiny.map_gates(lambda g, _, t=dtype: g.astype(t))
        np.testing.assert_allclose(tiny.kernel(), expected, **TOLERANCE)


def is_hard(tiny):
    flat = tiny.gates[0][0] if tiny.kind == "residual" else tiny.gates[0]
    return np.asarray(flat).dtype == "float32"


@pytest.fixture
def least(tiny):
    """A bound into which only small blocks fit, in GiB."""
    with pytest.raises(UserError, match="at least") as caught:
        tiny.kernel(memory_gib=1e-9)
    assert "\n" not in str(caught.value)
    low, high = 1e-9, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        try:
            tiny.kernel(memory_gib=middle)
            high = middle
        except UserError:
            low = middle
    return high


def test_small_blocks(tiny, least):
    np.testing.assert_allclose(
        tiny.kernel(memory_gib=least), tiny.kernel(), **TOLERANCE
    )
    found = tiny.kernel(memory_gib=2 * least, **tiny.subset([0, 2, 1]))
    expected = tiny.kernel()[:, [0, 2, 1]]
    np.testing.assert_allclose(found, expected, **TOLERANCE)


# Expected tangent kernels.


def expected_tangent_kernel(tiny, variances):
    """The mean over all signs of the weights, which are +-sigma."""
    flat = tiny.flat_weights()
    sizes = [weight.size for weight in flat]
    found = []
    for signs in itertools.product((-1, 1), repeat=sum(sizes)):
        parts = np.split(np.array(signs), np.cumsum(sizes)[:-1])
        for weight, part, variance in zip(flat, parts, variances, strict=True):
            weight[...] = np.sqrt(variance) * part.reshape(weight.shape)
        found.append(tiny.tangent_kernel())
    return np.mean(found, axis=0)


# Shapes of inputs, gates and at most ten weights, in layers of several widths.
SMALLEST = {
    "fully_connected": ((2,), [(1,), (2,)], [(2, 1), (1, 2), (2,)], ()),
    "plane": (
        (2, 2, 1),
        [(2, 2, 1), (2,)],
        [(2, 2, 1, 1), (1, 2), (2,)],
        (2,),
    ),
    "line": (
        (3, 1),
        [(3, 2), (3, 1), (1,)],
        [(2, 1, 2), (2, 2, 1), (1, 1), (1,)],
        (2, 2),
    ),
    "residual": ((1,), [(2,), (2,)], [(1, 2), (2, 2), (2,)], ()),
}


@pytest.mark.parametrize("kind", SMALLEST)
def test_expected_tangent_kernel(kind, rng, tiny_class):
    inputs, gates, weights, windows = SMALLEST[kind]
    inputs = rng.normal(size=(3, *inputs))
    gates = [rng.random((3, *shape)) for shape in gates]
    weights = [np.ones(shape) for shape in weights]
    layers = len(weights)
    if kind == "residual":
        gates = [[gate] for gate in gates] + [[]]
        weights = [[weight] for weight in weights]
    name = {"line": "convolutional", "plane": "convolutional"}.get(kind, kind)
    tiny = tiny_class(name, inputs, gates, weights, windows)
    variances = rng.uniform(0.2, 1.5, layers)
    expected = expected_tangent_kernel(tiny, variances)
    found = tiny.kernel(variances=variances)
    np.testing.assert_allclose(found, expected, **TOLERANCE)
    # One number stands for all layers.
    found = tiny.kernel(variances=0.7)
    expected = tiny.kernel(variances=[0.7] * layers)
    np.testing.assert_array_equal(found, expected)


def blocks_of(rng, skips, width=5, depth=2):
    gates = [
        [rng.random((4, width)) for _ in range(depth)] for _ in range(skips + 1)
    ]
    return [*gates, [rng.random((4, width)) for _ in range(depth - 1)]]


@pytest.mark.parametrize("variances", [None, 0.3])
@pytest.mark.parametrize("depth", [1, 2])
def test_residual_kernel_is_the_sum_over_sub_networks(rng, variances, depth):
    gates, inputs = blocks_of(rng, 4, depth=depth), rng.normal(size=(4, 3))
    by_size = [
        sum(
            kernels.sub_network(gates, inputs, kept, variances=variances)
            for kept in itertools.combinations(range(1, 5), size)
        )
        for size in range(5)
    ]
    found = kernels.residual(gates, inputs, variances=variances)
    np.testing.assert_allclose(found, sum(by_size), rtol=1e-12)
    for size, expected in enumerate(by_size):
        found = kernels.residual(gates, inputs, size=size, variances=variances)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_no_images():
    images = np.zeros((0, 4, 4, 1))
    found = kernels.convolutional([np.ones((0, 4, 4, 2))], images, 3)
    assert found.shape == (0, 0)


def test_many_blocks():
    """2^500 sub-networks: (1 + P)^b, with P that of half of the units."""
    skips, gates = 500, np.array([[1.0, 0.0]])
    blocks = [[gates]] * (skips + 1) + [[]]
    found = kernels.residual(blocks, np.ones((1, 1)))
    np.testing.assert_allclose(found, 0.5 * 1.5**skips, rtol=1e-10)


@pytest.mark.parametrize("width,depth", [(128, 900), (8, 900), (100, 3000)])
@pytest.mark.parametrize("spatial", [False, True])
def test_deep_networks_in_logarithms(rng, width, depth, spatial):
    """Half of the gates open: a product of numbers about 1/4 to 1/2."""
    if spatial:
        # One position: the window sees the same pixel.
        gates = [rng.random((2, 1, 1, width)) > 0.5]
        inputs = np.ones((2, 1, 1, 3))
    else:
        gates = [rng.random((2, width)) > 0.5]
        inputs = np.ones((2, 3))
    shared = (gates[0].reshape(2, width).astype(int)) @ gates[0].reshape(
        2, width
    ).T.astype(int)
    arguments = [gates * depth, inputs] + ([1] if spatial else [])
    function = kernels.convolutional if spatial else kernels.fully_connected
    # With such variances the limit is about 1, each by each; d layers of them.
    variance = 1 / np.sqrt(shared[0, 0] * shared[1, 1])
    found = function(*arguments, variances=variance)
    logs = depth * np.log(shared * variance) + np.log(3 * (depth + 1))
    kept = np.abs(logs) < 650
    assert kept.any()
    np.testing.assert_allclose(np.log(found[kept]), logs[kept], rtol=1e-9)
    plain = function(*arguments)
    logs = depth * np.log(shared / width) + np.log(3)
    with np.errstate(divide="ignore"):
        found = np.log(plain)
    # What no float64 can hold is 0, never nan or inf.
    assert np.all((np.abs(found - logs) < 1e-6) | (logs < -700))
    assert np.all(np.isfinite(plain))


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_deep_and_wide_networks_do_not_overflow(dtype):
    """All gates open: the normalised kernel is <x, x'> however deep."""
    inputs = np.array([[1.0, 2.0], [3.0, -1.0]])
    expected = inputs @ inputs.T
    gates = [np.ones((2, 3000), dtype)] * 200
    np.testing.assert_allclose(
        kernels.fully_connected(gates, inputs), expected, rtol=1e-10
    )
    images = np.repeat(inputs[:, np.newaxis], 4, axis=1)
    gates = [np.ones((2, 4, 500), dtype)] * 150
    np.testing.assert_allclose(
        kernels.convolutional(gates, images, 3), expected, rtol=1e-10
    )


@pytest.mark.parametrize("width", [20, 3000])
def test_hard_gates_are_as_exact_as_soft_ones(rng, width):
    """By way of whole numbers, however many there are."""
    gates = [np.round(rng.random((3, 4, 4, width))) for _ in range(4)]
    inputs = rng.normal(size=(3, 4, 4, 2))
    found = kernels.convolutional(gates, inputs, 3)
    half = kernels.convolutional([g / 2 for g in gates], inputs, 3)
    # By float64, as halves are no hard gates.
    np.testing.assert_allclose(found, half * 4.0**4, rtol=1e-12)


def test_almost_no_gate_open(rng):
    gates = [np.zeros((2, 4, 4, 3000), "uint8") for _ in range(9)]
    for gate in gates:
        gate[..., 7] = 1
    inputs = rng.normal(size=(2, 4, 4, 1))
    flat = inputs.sum(axis=(1, 2, 3))
    # One path of units, open everywhere: a mean over positions and windows.
    expected = np.outer(flat, flat) / 16**2 / 3000.0**9
    np.testing.assert_allclose(
        kernels.convolutional(gates, inputs, 3), expected, rtol=1e-10
    )


# Mistakes.


def fc(n=3, width=4, **changes):
    arguments = {
        "gates": [np.ones((n, width))] * 2,
        "inputs": np.ones((n, 5)),
        **changes,
    }
    return kernels.fully_connected(**arguments)


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"inputs": np.ones((2, 5))}, "gates of 2 images.*of 3"),
        ({"inputs": np.ones((3, 2, 2))}, r"2 dimensions.*\(3, 2, 2\)"),
        ({"gates": [np.ones((3, 2, 2))]}, r"2 dimensions.*\(3, 2, 2\)"),
        ({"other_inputs": np.ones((3, 5))}, "both gates and inputs"),
        (
            {
                "other_gates": [np.ones((2, 4)), np.ones((2, 3))],
                "other_inputs": np.ones((2, 5)),
            },
            r"both sets.*\(4,\), \(4,\).*\(4,\), \(3,\)",
        ),
        ({"variances": [1.0, 2.0]}, "each of the 3 weight layers.*1.0, 2.0"),
        ({"variances": 0.0}, "one variance > 0.*variances=0.0"),
        ({"variances": np.inf}, "one variance > 0"),
        ({"variances": "large"}, "one variance > 0"),
        ({"memory_gib": 0}, "at least 0.001. Received: memory_gib=0"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(UserError, match=message) as caught:
        fc(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "gates,windows,message",
    [
        ([(3, 4, 2)], (3, 3), "1 convolutions and windows=.3, 3."),
        ([(3, 4, 2)], 0, "integer >= 1"),
        ([(3, 4, 2)], 1.5, "integer >= 1"),
        ([(3, 4, 2)], float("nan"), "integer >= 1"),
        ([(3, 4, 2)], "three", "integer >= 1"),
        ([(3, 4, 2)], [(3, 3)], "integer >= 1"),
        ([(3, 2)], 3, "at least one convolution"),
        ([(3, 4, 2), (3, 5, 2)], 3, "one resolution"),
    ],
)
def test_mistakes_of_convolutions(gates, windows, message):
    with pytest.raises(UserError, match=message):
        kernels.convolutional(
            [np.ones(shape) for shape in gates], np.ones((3, 4, 1)), windows
        )


@pytest.mark.parametrize("size", [-1, 3, 1.5])
def test_no_sub_network_of_this_size(rng, size):
    with pytest.raises(UserError, match=f"size={size}"):
        kernels.residual(blocks_of(rng, 2), np.ones((4, 3)), size=size)


@pytest.mark.parametrize("kept", [[0], [3], [1, 7]])
def test_no_such_block(rng, kept):
    with pytest.raises(UserError, match="of 1 to 2. Received"):
        kernels.sub_network(blocks_of(rng, 2), np.ones((4, 3)), kept)


# In a process of its own: the peak is that of all threads, and those that other
# tests have left behind allocate, too.
MEMORY = """
import itertools
import tracemalloc

import numpy as np

from dlgn_tf.dual import kernels
from dlgn_tf.errors import UserError

# Enough images that the bound decides on the blocks.
COUNT = 150


def larger(kind, rng):
    def gates(*shape):
        return (rng.random((COUNT, *shape)) > 0.5).astype("uint8")

    if kind == "convolutional":
        arrays = [gates(6, 5, 16), gates(6, 5, 8), gates(30)]
        return arrays, rng.normal(size=(COUNT, 6, 5, 3)), {"windows": 3}
    inputs = rng.normal(size=(COUNT, 40))
    if kind == "residual":
        return [[gates(64)] for _ in range(6)] + [[]], inputs, {}
    return [gates(64) for _ in range(3)], inputs, {}


def measure(kind, soft):
    gates, inputs, options = larger(kind, np.random.default_rng(20211006))
    if soft:
        gates = [
            [g / 2 for g in part] if kind == "residual" else part / 2
            for part in gates
        ]
    function = getattr(kernels, kind)
    try:
        function(gates, inputs, memory_gib=1e-9, **options)
    except UserError as error:
        least = float(str(error).split("at least ")[1].split(". ")[0])
    flat = itertools.chain.from_iterable(gates) if kind == "residual" else gates
    held = inputs.nbytes + sum(g.nbytes for g in flat)
    expected = function(gates, inputs, **options)
    for bound in (least, 1.5 * least):
        tracemalloc.start()
        found = function(gates, inputs, memory_gib=bound, **options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
        print(bound * 2**30, peak + held)
"""


MEASURED = [
    (kind, soft)
    for kind in ("fully_connected", "convolutional", "residual")
    for soft in (False, True)
]


@pytest.fixture(scope="module")
def peaks(printed_by):
    """Bounds and peaks in bytes, two lines of each kind."""
    calls = "\n".join(f"measure{given}" for given in MEASURED)
    lines = printed_by(f"{MEMORY}\n\n{calls}").splitlines()
    pairs = [tuple(map(float, line.split())) for line in lines]
    ends = zip(pairs[::2], pairs[1::2], strict=True)
    return dict(zip(MEASURED, ends, strict=True))


@pytest.mark.parametrize("kind,soft", MEASURED)
def test_memory_stays_within_the_bound(kind, soft, peaks):
    for bound, peak in peaks[kind, soft]:
        assert peak < bound + 100_000
