"""The linear map of a whole gate site, image to pre-activations."""


def singular_values(model, site, memory_gib=1.0, progress=False):
    """Singular values of the map from normalised images to pre-activations.

    Exact where the site is affine in the image; the matrix has a row for every
    unit at every position and a column for every pixel and channel. A matrix
    with more rows than columns is never held whole: its rows come in blocks and
    go into a QR decomposition.

    Args:
        model: `ImageClassifier`.
        site: String, one of `model.site_names`.
        memory_gib: Float > 0. Bound on the memory used beside the model.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(min(units, pixels),)`, descending.

    Raises:
        UserError: as `templates`; of too little memory it says how much is
            needed.
    """
    raise NotImplementedError
