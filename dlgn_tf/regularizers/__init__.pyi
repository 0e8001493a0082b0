from .orthogonality import Orthogonality as Orthogonality
from .orthogonality import largest_cosine as largest_cosine
from .orthogonality import least_penalty as least_penalty
from .orthogonality import orthogonality_penalty as orthogonality_penalty
