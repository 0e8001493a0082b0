"""Batches of training images as a pure function of the step.

`BatchSampler` is NumPy alone; TensorFlow is imported where a `tf.data.Dataset`
is asked for.
"""

import collections
import concurrent.futures
import dataclasses
import functools

import numpy as np

from dlgn_tf.data import augmentation as augmentations
from dlgn_tf.errors import UserError

# What random numbers are drawn for; no two purposes share a stream.
_ORDER_STREAM = 0
_AUGMENTATION_STREAM = 1
_CLASS_ORDER_STREAM = 2
_SHUFFLING_STREAM = 3

# A step reads one epoch or two; threads may be some steps apart.
_CACHED_ORDERS = 4


class BatchSampler:
    """Draws the batch of any training step, in any order of steps.

    Every epoch is a fresh permutation of all images, and the epochs follow
    one another without a gap: a batch may take its first images from one and
    the rest from the next. Nothing is carried from step to step, so training
    resumes at step `t` by asking for step `t`, and threads may share a sampler.

    Balanced batches hold as many images of each class, give or take one. The
    classes take turns, and every class goes through its own images as above:
    images of small classes come more often.

    Args:
        image_set: `ImageSet` of at least one image.
        batch_size: Integer >= 1; may exceed the number of images.
        seed: Integer in `[0, 2**64)`.
        augmentation: One of `dlgn_tf.choices.AUGMENTATIONS`. Defaults to
            `"none"`.
        balanced: Boolean. Whether batches are balanced. Defaults to `False`.

    Raises:
        UserError: if an argument is out of its range.
    """

    def __init__(
        self,
        image_set,
        batch_size,
        seed,
        augmentation="none",
        balanced=False,
    ):
        _check(len(image_set) >= 1, "examples", ">= 1", len(image_set))
        _check(batch_size >= 1, "batch_size", ">= 1", batch_size)
        _check(0 <= seed < 2**64, "seed", "in [0, 2**64)", seed)
        self.image_set = image_set
        self.batch_size = batch_size
        self.seed = seed
        self._augmented = augmentations.AugmentedImages(
            image_set.images, augmentation
        )
        self._order = functools.lru_cache(_CACHED_ORDERS)(
            functools.partial(_draw_order, seed, len(image_set))
        )
        self._classes = _Classes(image_set.labels, seed) if balanced else None

    def batch_at(self, step):
        """The batch of a step.

        Args:
            step: Integer >= 0.

        Returns:
            `(images, labels)`: uint8 array `(batch_size, height, width,
            channels)` and int32 array `(batch_size,)`.

        Raises:
            UserError: if `step` is negative.
        """
        step = int(step)
        _check(step >= 0, "step", ">= 0", step)
        if self._classes:
            indices = self._classes.indices_at(step, self.batch_size)
        else:
            indices = self._indices_at(step)
        images = self._augmented.draw(
            indices, _generator(self.seed, _AUGMENTATION_STREAM, step)
        )
        return images, self.image_set.labels[indices]

    def _indices_at(self, step):
        """Which images step `step` takes, as an integer array."""
        examples = len(self.image_set)
        epoch, begin = divmod(step * self.batch_size, examples)
        end = begin + self.batch_size
        parts = [self._order(epoch)[begin:end]]
        # The next epochs; slicing has cut off what the batch does not reach.
        while end > examples:
            epoch, end = epoch + 1, end - examples
            parts.append(self._order(epoch)[:end])
        return np.concatenate(parts)


class _Classes:
    """Draws the images of balanced batches.

    In the sequence of all images of all batches the classes take turns; the
    n-th turn of a class is the n-th image of its own endless sequence of
    permutations. Within a batch the order is shuffled, as replicas each take
    a part of it.
    """

    def __init__(self, labels, seed):
        self._seed = seed
        # Those classes that there are.
        self._members = [
            np.flatnonzero(labels == label) for label in np.unique(labels)
        ]
        self._order = functools.lru_cache(_CACHED_ORDERS * len(self._members))(
            self._draw_order
        )

    def indices_at(self, step, batch_size):
        """Which images a step takes, as an integer array."""
        count = len(self._members)
        turns = np.arange(step * batch_size, (step + 1) * batch_size)
        indices = np.empty(batch_size, np.int64)
        for label in np.unique(turns % count):
            places = turns % count == label
            indices[places] = self._of_class(label, turns[places] // count)
        return _generator(self._seed, _SHUFFLING_STREAM, step).permutation(
            indices
        )

    def _of_class(self, label, turns):
        size = len(self._members[label])
        return [self._order(turn // size, label)[turn % size] for turn in turns]

    def _draw_order(self, pass_, label):
        stream = pass_ * len(self._members) + label
        generator = _generator(self._seed, _CLASS_ORDER_STREAM, stream)
        return generator.permutation(self._members[label])


def _check(holds, argument, expected, received):
    if not holds:
        raise UserError(
            f"Invalid {argument}. Expected an integer {expected}. "
            f"Received: {argument}={received}"
        )


def _generator(seed, stream, index):
    """A generator that nobody else has: one for each triple of integers."""
    # Philox counts up from the counter's first word; the last one keeps the
    # streams apart for ever.
    return np.random.Generator(
        np.random.Philox(
            key=np.array([seed, index], np.uint64),
            counter=np.array([0, 0, 0, stream], np.uint64),
        )
    )


def _draw_order(seed, examples, epoch):
    order = _generator(seed, _ORDER_STREAM, epoch).permutation(examples)
    order.flags.writeable = False
    return order


def train_dataset(sampler, start, stop, share=None):
    """Makes the pipeline of the training steps `start` to `stop - 1`.

    Args:
        sampler: `BatchSampler`.
        start: Integer >= 0, the first step.
        stop: Integer, the step before which it ends.
        share: `Share` of each batch, or None for all of it.

    Returns:
        `tf.data.Dataset` of `sampler.batch_at(step)`, in order of the steps:
        uint8 images `(batch_size, height, width, channels)` and int32 labels
        `(batch_size,)`, all shapes static. With a share, one element a replica
        and step, each with its replica's images.

    Raises:
        UserError: if the batch does not split evenly over the replicas.
    """
    import tensorflow as tf

    share = share or Share()
    _, *image_shape = sampler.image_set.images.shape
    labelled = sampler.image_set.labels
    types = tf.as_dtype(sampler.image_set.images.dtype), labelled.dtype
    check_splits(sampler.batch_size, share.replicas)

    @tf.autograph.experimental.do_not_convert
    def batch_at(step):
        # Stateless, as it is a pure function: under op determinism a stateful
        # one would be mapped one step at a time.
        images, labels = tf.numpy_function(
            sampler.batch_at, [step], types, stateful=False
        )
        images.set_shape((sampler.batch_size, *image_shape))
        labels.set_shape((sampler.batch_size, *labelled.shape[1:]))
        return images, labels

    batches = tf.data.Dataset.range(start, stop).map(
        batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    rows = sampler.batch_size // share.replicas
    return share.of(batches, rows).prefetch(tf.data.AUTOTUNE)


def check_splits(batch_size, replicas):
    """Raises a `UserError` unless a batch splits evenly over the replicas."""
    if batch_size % replicas:
        raise UserError(
            f"Expected a batch that splits over {replicas} replicas. "
            f"Received: batch_size={batch_size}"
        )


def test_dataset(image_set, batch_size, share=None):
    """Makes the pipeline of one pass over all images, in their order.

    Args:
        image_set: `ImageSet`.
        batch_size: Integer >= 1.
        share: `Share` of each batch, or None for all of it.

    Returns:
        `tf.data.Dataset` of uint8 images `(batch, height, width, channels)`
        and int32 labels `(batch,)`; the last batch holds what is left. With a
        share, one element a replica and batch, some of them perhaps empty.

    Raises:
        UserError: if `batch_size` is not positive.
    """
    import tensorflow as tf

    _check(batch_size >= 1, "batch_size", ">= 1", batch_size)
    share = share or Share()
    if isinstance(image_set.images, np.ndarray):
        batches = tf.data.Dataset.from_tensor_slices(
            (image_set.images, image_set.labels)
        ).batch(batch_size)
    else:
        batches = _decoded_batches(image_set, batch_size)
    return share.of(batches).prefetch(tf.data.AUTOTUNE)


def _decoded_batches(image_set, batch_size):
    """A `tf.data.Dataset` of batches, decoded when they are asked for."""
    import tensorflow as tf

    def batch_at(begin):
        batch = slice(int(begin), int(begin) + batch_size)
        return image_set.images[batch], image_set.labels[batch]

    @tf.autograph.experimental.do_not_convert
    def read(begin):
        images, labels = tf.numpy_function(
            batch_at,
            [begin],
            (tf.uint8, image_set.labels.dtype),
            stateful=False,
        )
        images.set_shape((None, *image_set.images.shape[1:]))
        labels.set_shape((None, *image_set.labels.shape[1:]))
        return images, labels

    begins = tf.data.Dataset.range(0, len(image_set), batch_size)
    return begins.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def prefetched(sampler, start, stop, put=lambda batch: batch, ahead=4):
    """The batches of steps `start` to `stop - 1`, drawn ahead by a thread.

    For backends other than TensorFlow, in place of `train_dataset`.

    Args:
        sampler: `BatchSampler`.
        start: Integer >= 0, the first step.
        stop: Integer, the step before which it ends.
        put: Function that takes a batch to the device.
        ahead: Integer, how many batches are ready before they are asked for.

    Yields:
        What `put` makes of `sampler.batch_at(step)`, in order of the steps.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        waiting = collections.deque()
        for step in range(start, stop):
            waiting.append(
                pool.submit(lambda k: put(sampler.batch_at(k)), step)
            )
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def padded(image_set, batch_size):
    """One pass over all images in batches of one size.

    Args:
        image_set: `ImageSet`.
        batch_size: Integer >= 1.

    Yields:
        `(images, labels)`; the last batch is filled up with black images whose
        label is -1, or NaN where labels are numbers.
    """
    for begin in range(0, len(image_set), batch_size):
        images = image_set.images[begin : begin + batch_size]
        labels = image_set.labels[begin : begin + batch_size]
        missing = batch_size - len(labels)
        if missing:
            images = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)])
            left = [(0, missing), *[(0, 0)] * (labels.ndim - 1)]
            filler = np.nan if labels.dtype.kind == "f" else -1
            labels = np.pad(labels, left, constant_values=filler)
        yield images, labels


@dataclasses.dataclass(frozen=True)
class Share:
    """Which part of every batch the replicas of one process take.

    Attributes:
        replicas: Integer, replicas of all processes together.
        first: Integer, number of this process' first replica.
        count: Integer, how many replicas this process has.
    """

    replicas: int = 1
    first: int = 0
    count: int = 1

    def of(self, batches, rows=None):
        """A `tf.data.Dataset` of batches, cut into one element a replica.

        Each has so many rows; None where these are not always as many.
        """
        import tensorflow as tf

        if self.replicas == 1:
            return batches

        @tf.autograph.experimental.do_not_convert
        def cut(images, labels):
            count = tf.shape(labels, tf.int64)[0]

            def piece(replica):
                begin = replica * count // self.replicas
                end = (replica + 1) * count // self.replicas
                parts = images[begin:end], labels[begin:end]
                for part in parts:
                    part.set_shape((rows, *part.shape[1:]))
                return parts

            mine = tf.data.Dataset.range(self.first, self.first + self.count)
            return mine.map(piece)

        return batches.flat_map(cut)
