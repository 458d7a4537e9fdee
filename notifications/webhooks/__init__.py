"""Events to integrators: which there are, who is told, and how a telling leaves."""
