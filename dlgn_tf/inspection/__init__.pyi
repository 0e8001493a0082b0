from . import gate_statistics as gate_statistics
from . import interventions as interventions
from . import pictures as pictures
from . import templates as templates
from .contributions import DualView as DualView
from .linear_map import singular_values as singular_values
from .strongest_paths import PathFinder as PathFinder
