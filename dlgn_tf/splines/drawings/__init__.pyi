from . import gram_matrices as gram_matrices
from . import joint_selections as joint_selections
from . import layer_partition as layer_partition
from . import nonlinearities as nonlinearities
from . import plane as plane
from . import priors as priors
from . import unit_partition as unit_partition
