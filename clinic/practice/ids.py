"""Identifiers: UUIDs whose first bits are the time, so that new rows sit together in their index."""

import os
import time
import uuid


def new_id() -> uuid.UUID:
    """A random, time-ordered UUID (version 7 of RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    millis = time.time_ns() // 1_000_000
    value = (millis & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
