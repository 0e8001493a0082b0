from . import registry as registry
from . import report as report
from . import runner as runner
from .registry import Claim as Claim
from .registry import register as register
