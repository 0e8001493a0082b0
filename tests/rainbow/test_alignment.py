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
        rotation, _ = orthogonal_procrustes(own, reference)
        found = alignment.align(measured(reference, own).cross)
        np.testing.assert_allclose(found.matrix, rotation.T, atol=1e-10)

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
            for turn in (None, alignment.align(sums.cross)):
                error = alignment.relative_error(sums, turn)
                assert error == pytest.approx(0, abs=1e-12)
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
        """The bound that is named suffices."""
        x = np.zeros((2, 4000))
        with pytest.raises(UserError, match="4000 and 4000 channels"):
            moments.joint_moments([(x, x)], memory_gib=0.1)
        with pytest.raises(
            UserError, match="Expected memory_gib of at least"
        ) as raised:
            moments.second_moment([x], memory_gib=0.1)
        least = float(str(raised.value).split("at least ")[1].split(". ")[0])
        moments.check_memory(moments.second_moment_bytes(4000), least, "")

    def test_nothing(self):
        with pytest.raises(UserError, match="at least one sample"):
            moments.joint_moments([])
        with pytest.raises(UserError, match="at least one sample"):
            moments.second_moment([np.zeros((0, 3))])

    def test_shapes_that_differ(self):
        sums = moments.JointMoments(2, 2)
        with pytest.raises(ValueError, match="as many samples"):
            sums.add(np.zeros((4, 2)), np.zeros((3, 2)))
