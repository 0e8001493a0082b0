"""Claims 1 to 13 on rainbow networks.

The numbers are those of the list of claims that was drawn from "A Rainbow in
Deep Network Black Boxes" (arXiv 2305.18512).
"""
