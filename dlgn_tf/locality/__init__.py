"""Locally connected ReLU networks on nested receptive fields.

Teachers that see an event in every region, students that are locally connected,
and what their training has to do with one another. Importing it imports nothing
heavy; a class's or function's module is imported when it is asked for.
"""

from dlgn_tf import lazy

__getattr__, __all__ = lazy.names(
    __name__,
    {
        "LatentTree": "latent_tree",
        "LocalNetwork": "passes",
        "ReceptiveFields": "receptive_fields",
        "Teacher": "teachers",
        "content_teacher": "teachers",
        "create_student": "student",
        "lookup_teacher": "teachers",
    },
)
