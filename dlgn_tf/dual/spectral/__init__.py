"""Which frequencies gated networks can have, and which they learn.

The DLGN paper (arXiv 2110.03403) ends with the question whether a DLGN is a
universal spectral approximator. Here it is asked of regression on the plane,
with the networks of `dlgn_tf.tabular`: by construction, by training against
frequency and size, and by the spectra and kernels of what is trained.
"""
