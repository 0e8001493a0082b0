"""The dual view: neural path features, values and kernels."""
