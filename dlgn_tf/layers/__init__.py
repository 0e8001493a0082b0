"""Keras layers of gated networks, one a file."""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "Apodized": "apodized_convolution",
        "ApodizedConv2D": "apodized_convolution",
        "ApodizedOrthogonalConv2D": "apodized_convolution",
        "BatchNorm": "batch_norm",
        "BetaVQ": "beta_vq",
        "BetaVQPooling": "beta_vq_pooling",
        "CircularPadding": "circular_padding",
        "ComplexModulus": "complex_modulus",
        "ComplexStandardization": "complex_standardization",
        "Gate": "gate",
        "Grayscale": "grayscale",
        "LocallyConnected": "locally_connected",
        "MorletFilters": "morlet_filters",
        "OrthogonalConv2D": "orthogonal",
        "OrthogonalDense": "orthogonal",
        "OrthogonalKernel": "orthogonal",
        "PerImageStandardization": "per_image_standardization",
        "PixelNormalization": "pixel_normalization",
        "PooledReLUConvolution": "pooled_relu_convolution",
        "SkipModulus": "skip_modulus",
        "SubsampleAndPad": "subsample_and_pad",
    },
)
