"""Services for development and tests: embedded PostgreSQL and Redis, an SMTP catcher, an SMS provider, the demo.

Nothing in the product imports this package (an import contract holds that).
"""
