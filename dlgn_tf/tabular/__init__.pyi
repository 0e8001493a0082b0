from .estimators import DLGNClassifier as DLGNClassifier
from .estimators import DLGNRegressor as DLGNRegressor
from .fitting import fit as fit
from .networks import Form as Form
from .networks import Weights as Weights
from .networks import initial as initial
from .networks import outputs as outputs
from .networks import value_tensor as value_tensor
