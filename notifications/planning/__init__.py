"""What is to go, to whom and when: the outbox, the policy, the states, who may be reached."""
