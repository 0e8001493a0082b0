from . import catalog as catalog
from . import npz as npz
from .images import ImageSet as ImageSet
from .sources import load as load
