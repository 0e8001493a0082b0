"""The paper's six experiments, the first by width too, and one on gates.

Each module has a `run(experiment)` that trains, measures, writes and tells.
Importing this imports nothing heavy.
"""

# By the paper's numbers.
NUMBERED = {
    "1": "tasks",
    "2": "samples",
    "3": "effectiveness",
    "4": "classification",
    "5": "compression",
    "6": "prediction",
}
NAMES = (*NUMBERED.values(), "widths", "gated")
# Images that are drawn on the spot, in place of a data set.
SYNTHETIC = "shapes"
