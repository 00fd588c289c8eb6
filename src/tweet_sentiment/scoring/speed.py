"""How long a post takes, measured the same way for every technique."""

from collections.abc import Callable
from time import perf_counter

PASSES = 3
POSTS = 1000  # the most that a pass takes


def ms_per_post(work: Callable[[], object], posts: int) -> float:
    """Do the work once to warm up, then ``PASSES`` times; return the shortest time, in milliseconds per post.

    The shortest, as in ``timeit``: the others are longer by what else the machine does.
    """
    work()
    taken = []
    for _ in range(PASSES):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return 1000 * min(taken) / posts
