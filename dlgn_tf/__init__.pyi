from . import calls as calls
from . import claims as claims
from . import complexity as complexity
from . import data as data
from . import dual as dual
from . import gate_kinds as gate_kinds
from . import inspection as inspection
from . import layers as layers
from . import locality as locality
from . import models as models
from . import rainbow as rainbow
from . import regularizers as regularizers
from . import splines as splines
from . import tabular as tabular
from .inspection.explanations import explain as explain
from .models import create_model as create_model
from .models import from_keras as from_keras
from .models import load_model as load_model
from .training.fitting import fit as fit
from .training.runs import load_run as load_run

__version__: str
