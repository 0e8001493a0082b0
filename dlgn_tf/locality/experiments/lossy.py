"""What the matrix form loses with a lossy teacher."""

import numpy as np

from dlgn_tf.locality import figures
from dlgn_tf.locality import lossy as lossy_teachers
from dlgn_tf.locality.worlds import GRAPHS
from dlgn_tf.output.spread import listed


def run(command, output):
    worlds = 20 * command.seeds
    found = {
        graph: lossy_teachers.measure(
            graph, worlds, np.random.default_rng([0, index])
        )
        for index, graph in enumerate(GRAPHS)
    }
    rows = [
        {
            "graph": graph,
            "teacher": world,
            "events_of_pairs": codes[0],
            "events": codes[1],
            "gap": f"{each.gaps[world, index]:.6g}",
            **{
                name: f"{values[world, index]:.6g}"
                for name, values in each.violations.items()
            },
        }
        for graph, each in found.items()
        for world in range(worlds)
        for index, codes in enumerate(lossy_teachers.CODES)
    ]
    output.table("lossy", rows)
    title = "matrix form against back-propagation"
    output.picture("lossy", figures.lossy(lossy_teachers.CODES, found, title))
    for graph, each in found.items():
        print(f"{graph}: gap {listed(each.gaps.mean(axis=0), '.2g')}")
    return ("lossy",)
