"""How many threads linear algebra takes."""

from threadpoolctl import threadpool_limits

# Decorates a function whose matrices are small: several threads would spend
# their time waiting for one another, on a busy machine minutes for seconds.
one_blas_thread = threadpool_limits.wrap(1, user_api="blas")
