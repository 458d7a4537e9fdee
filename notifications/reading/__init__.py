"""The ledger for whoever reads it. Every function sees one practice only."""
