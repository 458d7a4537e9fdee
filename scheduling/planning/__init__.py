"""The planner: pure functions from a request and an availability to plans, or to the reasons why there are
none."""
