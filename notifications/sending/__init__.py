"""How a message leaves and what becomes of it: claim, look again, hand over, record, recover, reports."""
