"""Visits that go elsewhere, with all that has to follow: shown as a preview first, carried out whole."""
