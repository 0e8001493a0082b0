"""How many threads the claims' linear algebra takes."""

from threadpoolctl import threadpool_limits

# Their matrices are small: on a machine that is busy, several threads spend
# their time waiting for one another, and minutes go where seconds would do.
one_thread = threadpool_limits.wrap(1, user_api="blas")
