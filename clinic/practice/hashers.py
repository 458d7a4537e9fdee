"""How passwords, and the secrets of programs, are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with OWASP's figures: 19 MiB, two passes, one lane. The library's 100 MiB, times the threads
    of a web process, would be the memory of the machine.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
