"""How a message leaves the building: planned in the caller's transaction, sent by a worker, never twice."""
