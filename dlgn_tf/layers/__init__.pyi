from .apodized_convolution import Apodized as Apodized
from .apodized_convolution import ApodizedConv2D as ApodizedConv2D
from .apodized_convolution import (
    ApodizedOrthogonalConv2D as ApodizedOrthogonalConv2D,
)
from .batch_norm import BatchNorm as BatchNorm
from .beta_vq import BetaVQ as BetaVQ
from .beta_vq_pooling import BetaVQPooling as BetaVQPooling
from .circular_padding import CircularPadding as CircularPadding
from .complex_modulus import ComplexModulus as ComplexModulus
from .complex_standardization import (
    ComplexStandardization as ComplexStandardization,
)
from .gate import Gate as Gate
from .graph_operation import GraphOperation as GraphOperation
from .grayscale import Grayscale as Grayscale
from .locally_connected import LocallyConnected as LocallyConnected
from .morlet_filters import MorletFilters as MorletFilters
from .orthogonal import OrthogonalConv2D as OrthogonalConv2D
from .orthogonal import OrthogonalDense as OrthogonalDense
from .orthogonal import OrthogonalKernel as OrthogonalKernel
from .per_image_standardization import (
    PerImageStandardization as PerImageStandardization,
)
from .pixel_normalization import PixelNormalization as PixelNormalization
from .pooled_relu_convolution import (
    PooledReLUConvolution as PooledReLUConvolution,
)
from .skip_modulus import SkipModulus as SkipModulus
from .subsample_and_pad import SubsampleAndPad as SubsampleAndPad
from .two_logits import TwoLogits as TwoLogits
