from .latent_tree import LatentTree as LatentTree
from .passes import LocalNetwork as LocalNetwork
from .receptive_fields import ReceptiveFields as ReceptiveFields
from .student import create_student as create_student
from .teachers import Teacher as Teacher
from .teachers import content_teacher as content_teacher
from .teachers import lookup_teacher as lookup_teacher
