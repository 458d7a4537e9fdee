"""For development and tests: embedded PostgreSQL and Redis, local SMTP and SMS providers, the demo.

Nothing in the product imports this package (an import contract holds that).
"""
