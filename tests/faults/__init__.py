"""The product's own processes, killed, stopped and cut off at the worst moments, on real services.

Times are settings: here a lease lasts two seconds, so that what takes minutes in production takes seconds.
"""

import os

# `./dev bench faults` asks for the real sizes: faults of minutes, ten thousand messages.
WHOLE = bool(os.environ.get("WHOLE"))
