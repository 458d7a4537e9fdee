"""Garbage collection of a process that serves: what it has imported stays, and is not gone through again.

A page or a message makes thousands of objects that live until it is done. By Python's own threshold, 700 of
them, they are all gone through dozens of times on the way, now and then with everything ever imported.
"""

import gc

# A collection after so many objects more than were given back; then how many of them make a deeper one.
THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """To be called once all is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
