"""Labels of oblique trees, as `dlgn_tf.data.oblique_trees` draws them."""

from dlgn_tf.data.oblique_trees import LabelTree as LabelTree
from dlgn_tf.data.oblique_trees import Task as Task
from dlgn_tf.data.oblique_trees import draw as draw
from dlgn_tf.data.oblique_trees import named as named
from dlgn_tf.data.oblique_trees import unit as unit
