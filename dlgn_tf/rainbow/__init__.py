"""Rainbow networks: weight covariances, alignment, resampling.

Source: Guth, Menard, Rochette and Mallat, "A Rainbow in Deep Network Black
Boxes", arXiv 2305.18512.
"""
