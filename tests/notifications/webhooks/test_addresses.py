"""No address that a practice types makes this server call one of its own."""

import socket
from typing import Any

import pytest

from notifications.webhooks import addresses, post

# As text: never even looked up.
HOSTILE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00::1]/",
    "https://93.184.215.14/",
    "https://localhost/",
    "https://localhost./",
    "https://a.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://intranet/",
    "https://user@hooks.example.org/",
    "https://user:secret@hooks.example.org/",
    "https://hooks.example.org@127.0.0.1/",
    "https://hooks.example.org:22/",
    "https://hooks.example.org:6379/",
    "https://hooks.example.org:0/",
    "https://hooks.example.org:99999/",
    "http://hooks.example.org/",
    "ftp://hooks.example.org/",
    "file:///etc/passwd",
    "gopher://hooks.example.org/",
    "//hooks.example.org/",
    "https:///hooks.example.org",
    "https://hooks.example.org\\@127.0.0.1/",
    "https://hooks.example.org/\r\nHost: inner",
    "https://hooks.example.org /",
    "https://①②⑦.⓪.⓪.①/",
    "https://hooks。example.org/",
    "https://hooks..example.org/",
    "https://-.example.org/",
    "https://hooks.example.org/#fragment",
    "https://" + "a" * 600 + ".org/",
    "",
]
# As numbers that a name stands for.
INNER = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "5f00::1",
]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that is begun; none is made."""
    seen: list[Any] = []

    def dial(address: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", dial)
    return seen


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_neither_looked_up_nor_called(url: str, dialled: list[Any]) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    answer = post.send(url=url, body=b"{}", headers={}, resolver=resolver)
    assert answer.error.startswith("refused:")
    assert (asked, dialled) == ([], [])
    with pytest.raises(addresses.Refused):
        addresses.parse(url=url)


@pytest.mark.parametrize("number", INNER)
def test_a_name_of_an_inner_number_is_not_called(number: str, dialled: list[Any]) -> None:
    for numbers in ([number], ["8.8.8.8", number], [number, "8.8.8.8"]):
        answer = post.send(
            url="https://hooks.example.org/", body=b"{}", headers={}, resolver=lambda *_, found=numbers: found
        )
        assert answer.error == "refused:inner"
    assert dialled == []


def test_the_number_that_was_judged_is_the_one_that_is_called(dialled: list[Any]) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    post.send(url="https://hooks.example.org/", body=b"{}", headers={}, resolver=lambda *_: next(answers))
    assert dialled == [("8.8.8.8", 443)]
    assert next(answers) == ["127.0.0.1"], "a name is looked up once, so it cannot answer otherwise later"


@pytest.mark.parametrize("url", ["https://hooks.example.org", "https://hooks.example.org:8443/a/b?c=d"])
def test_a_lawful_address_is_called(url: str, dialled: list[Any]) -> None:
    for number in ("8.8.8.8", "2606:4700:4700::1111"):
        post.send(url=url, body=b"{}", headers={}, resolver=lambda *_, number=number: [number])
    assert [address[0] for address in dialled] == ["8.8.8.8", "2606:4700:4700::1111"]


def test_a_name_without_a_number_is_told(dialled: list[Any]) -> None:
    answer = post.send(url="https://hooks.example.org/", body=b"{}", headers={}, resolver=lambda *_: [])
    assert answer.error == "refused:unknown_host"
