"""Which addresses may be called. What a practice types must never make this server call one of its own.

Judged twice: the text when it is stored, and the numbers that the name stands for each time it is called.
The call then goes to the very number that was judged.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = frozenset({443, 8443})
LONGEST = 500
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
# Printable ASCII without what browsers, proxies and Python read differently.
_PLAIN = re.compile(r"[!-~]+", re.ASCII)
_ODD = frozenset('\\"<>^`{|}')
_INNER = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "arpa",
    "onion",
    "test",
    "invalid",
)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Public by their number, but they lead elsewhere: relays of 6to4, and the numbers inside of 6to4 and Teredo.
_TUNNELS = tuple(
    ipaddress.ip_network(net) for net in ("192.88.99.0/24", "2002::/16", "2001::/32", "64:ff9b::/96")
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class Refused(Exception):
    """This address is not called; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: the host is a name, `path` is what follows it."""

    secure: bool
    host: str
    port: int
    path: str


def parse(*, url: str, inner: bool = False) -> Target:
    """The parts of an address, in its only lawful form; raises Refused.

    `inner` is for development and tests: http, any port, any host.
    """
    if len(url) > LONGEST or not _PLAIN.fullmatch(url) or _ODD & set(url):
        raise Refused(
            "malformed", f"Must be an address of at most {LONGEST} plain characters, without spaces."
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "")
    except ValueError:
        raise Refused("malformed", "Must be an address, such as https://example.org/hooks.") from None
    if "@" in parts.netloc:
        raise Refused("credentials", "Must have no user name or password.")
    if parts.scheme != "https" and not (inner and parts.scheme == "http"):
        raise Refused("not_https", "Must begin with https://.")
    if parts.fragment:
        raise Refused("malformed", "Must have no fragment.")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = 443 if secure else 80
    target = Target(secure=secure, host=host, port=usual if port is None else port, path=path)
    if not inner:
        _check_name(target)
    return target


def _check_name(target: Target) -> None:
    if target.port not in PORTS:
        raise Refused("port", f"The port must be one of {', '.join(map(str, sorted(PORTS)))}.")
    labels = target.host.removesuffix(".").split(".")
    # A last label that begins with a digit is read as a number by many resolvers: 2130706433, 0x7f.1, 0177.1.
    number = labels[-1][:1].isdigit()
    if number or ":" in target.host or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise Refused("not_a_name", "The host must be a full name, such as hooks.example.org, not a number.")
    if labels[-1] in _INNER:
        raise Refused("inner", "This host is not on the public internet.")


def check(*, numbers: Sequence[str], inner: bool = False) -> str:
    """The number to call, when every one that the name stands for is public; raises Refused.

    All of them: a name that also stands for an inner address is an attack or a mistake.
    """
    found = [ipaddress.ip_address(unicodedata.normalize("NFKC", number)) for number in numbers]
    if not found:
        raise Refused("unknown_host", "This host has no address.")
    if not inner and not all(map(is_public, found)):
        raise Refused("inner", "This host is not on the public internet.")
    return str(found[0])


def is_public(address: _Address) -> bool:
    """Whether the number belongs to somebody on the public internet, and to nobody else."""
    if address.is_multicast or not address.is_global:
        return False
    if any(address in net for net in _TUNNELS if net.version == address.version):
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST
