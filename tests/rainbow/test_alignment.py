"""Alignment against SciPy and against samples; moments against NumPy."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import alignment, moments


def measured(reference, own):
    return moments.joint_moments([(reference, own)])


def error_of(turn, reference, own):
    gap = turn.activations(own) - reference
    return np.mean(np.sum(gap**2, axis=-1))


class TestAlign:
    def test_is_scipys(self, rng):
        reference = rng.standard_normal((50, 6))
        own = np.maximum(reference @ rng.standard_normal((6, 6)), 0)
        rotation, scale = orthogonal_procrustes(own, reference)
        found = alignment.align(measured(reference, own).cross)
        np.testing.assert_allclose(found.matrix, rotation.T, atol=1e-10)
        assert found.singular_values.sum() * 50 == pytest.approx(scale)

    @pytest.mark.parametrize("own", (4, 6, 9))
    def test_closed_form_is_reached(self, rng, own):
        """The smaller space is embedded in the larger one."""
        first = rng.standard_normal((80, 6))
        second = np.maximum(first @ rng.standard_normal((6, own)), 0)
        sums = measured(first, second)
        turn = alignment.align(sums.cross)
        if own <= 6:
            wanted = error_of(turn, first, second)
        else:
            back = alignment.Alignment(turn.matrix.T, turn.singular_values)
            wanted = error_of(back, second, first)
        error = alignment.aligned_error(
            np.trace(sums.first), np.trace(sums.second), sums.cross
        )
        assert error == pytest.approx(wanted)
        gram = turn.matrix @ turn.matrix.T
        gram = gram if own >= 6 else turn.matrix.T @ turn.matrix
        np.testing.assert_allclose(gram, np.eye(min(own, 6)), atol=1e-12)

    def test_a_given_alignment(self, rng):
        first, second = rng.standard_normal((2, 30, 5))
        turn = alignment.random_alignment(5, 5, rng)
        found = alignment.relative_error(measured(first, second), turn)
        wanted = error_of(turn, first, second) / np.mean(np.sum(first**2, 1))
        assert found == pytest.approx(wanted)

    def test_a_rotated_copy_is_explained(self, rng):
        first = rng.standard_normal((30, 5))
        turn = alignment.random_alignment(5, 5, rng)
        second = 3 * first @ turn.matrix
        sums = measured(first, second)
        assert alignment.explained_fraction(sums) == pytest.approx(1)
        assert alignment.normalized_error(sums) == pytest.approx(0, abs=1e-12)
        assert alignment.relative_error(sums) == pytest.approx(4)

    @pytest.mark.parametrize("copies", (2, 3))
    def test_repeated_channels_are_no_error(self, rng, copies):
        """Features are compared as if divided by sqrt(width)."""
        first = rng.standard_normal((30, 5))
        second = np.tile(first, copies)
        for sums in (measured(first, second), measured(second, first)):
            assert alignment.relative_error(sums) == pytest.approx(0, abs=1e-12)
            turn = alignment.align(sums.cross)
            assert alignment.relative_error(sums, turn) == pytest.approx(
                0, abs=1e-12
            )
        turn = alignment.align(measured(first, second).cross)
        np.testing.assert_allclose(turn.scale * turn.activations(second), first)

    def test_nothing_explains_zero(self):
        sums = measured(np.zeros((4, 3)), np.ones((4, 2)))
        assert alignment.explained_fraction(sums) == 0
        assert alignment.relative_error(sums) == 0

    def test_weights_follow_activations(self, rng):
        """Turned weights on turned activations: the same pre-activations."""
        turn = alignment.random_alignment(7, 4, rng)
        own = rng.standard_normal((3, 2, 4))
        weights = rng.standard_normal((5, 4, 2))
        wanted = np.einsum("bPc,ncP->bn", own, weights)
        found = np.einsum(
            "bPc,ncP->bn", turn.activations(own), turn.weights(weights)
        )
        np.testing.assert_allclose(found, wanted)
        np.testing.assert_allclose(
            turn.weights_back(turn.weights(weights)), weights
        )

    def test_random_alignments_are_uniform(self, rng):
        """No entry has a preferred sign, and each a mean square of 1 / n."""
        drawn = np.array(
            [alignment.random_alignment(3, 2, rng).matrix for _ in range(4000)]
        )
        np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
        np.testing.assert_allclose((drawn**2).mean(axis=0), 1 / 3, atol=0.03)


class TestMoments:
    def test_maps_in_batches(self, rng):
        first = rng.standard_normal((10, 4, 4, 3)).astype("float32") + 1
        second = rng.standard_normal((10, 4, 4, 2)).astype("float32")
        found = moments.joint_moments(
            (first[k : k + 3], second[k : k + 3]) for k in range(0, 10, 3)
        )
        x, y = (np.float64(a).reshape(160, -1) for a in (first, second))
        assert found.count == 160
        np.testing.assert_allclose(found.cross, x.T @ y / 160)
        np.testing.assert_allclose(found.first, x.T @ x / 160)
        np.testing.assert_allclose(found.second, y.T @ y / 160)
        np.testing.assert_allclose(
            moments.second_moment(moments.in_batches(first, 4)), x.T @ x / 160
        )

    def test_rows_are_taken_block_by_block(self, rng, monkeypatch):
        x = rng.standard_normal((11, 3))
        whole = moments.joint_moments([(x, x[:, :2])])
        monkeypatch.setattr(moments, "_ROWS", 4)
        parts = moments.joint_moments([(x, x[:, :2])])
        np.testing.assert_allclose(parts.cross, whole.cross)
        np.testing.assert_allclose(parts.first, whole.first)

    def test_float64_sums(self):
        """In float32 the small one would be lost."""
        x = np.array([[4096.0], [1.0]], "float32")
        assert moments.second_moment([x])[0, 0] * 2 == 4096.0**2 + 1

    def test_memory(self):
        x = np.zeros((2, 4000))
        with pytest.raises(UserError, match="Expected memory_gib of at least"):
            moments.second_moment([x], memory_gib=0.1)
        with pytest.raises(UserError, match="4000 and 4000 channels"):
            moments.joint_moments([(x, x)], memory_gib=0.1)

    def test_the_bound_that_is_named_suffices(self):
        x = np.zeros((2, 4000))
        with pytest.raises(UserError) as raised:
            moments.second_moment([x], memory_gib=0.1)
        least = float(str(raised.value).split("at least ")[1].split(". ")[0])
        moments.check_memory(moments.SecondMoment.bytes(4000), least, "")

    def test_nothing(self):
        with pytest.raises(UserError, match="at least one sample"):
            moments.joint_moments([])
        with pytest.raises(UserError, match="at least one sample"):
            moments.second_moment([np.zeros((0, 3))])

    def test_shapes_that_differ(self):
        sums = moments.JointMoments(2, 2)
        with pytest.raises(ValueError, match="as many samples"):
            sums.add(np.zeros((4, 2)), np.zeros((3, 2)))
