"""Where a webhook may go: each form of an address that leads inside is refused."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.webhooks import ssrf
from rtp.webhooks.ssrf import Forbidden

PUBLIC = "93.184.215.14"
INSIDE = {
    "loopback": "127.0.0.1",
    "loopback elsewhere": "127.8.9.1",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "private ten": "10.0.0.7",
    "private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "carrier": "100.64.0.1",
    "metadata": "169.254.169.254",
    "metadata of another cloud": "100.100.100.200",
    "metadata of a third": "192.0.0.192",
    "a cloud's own service": "168.63.129.16",
    "documentation": "203.0.113.5",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.251",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "6to4 relay": "192.88.99.1",
    "v6 loopback": "::1",
    "v6 unspecified": "::",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "mapped public": f"::ffff:{PUBLIC}",
    "compatible": "::127.0.0.1",
    "nat64 of loopback": "64:ff9b::7f00:1",
    "nat64 of a public address": "64:ff9b::5db8:d70e",
    "local nat64": "64:ff9b:1::a00:1",
    "6to4 of loopback": "2002:7f00:1::1",
    "teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "orchid": "2001:20::1",
    "v6 documentation": "2001:db8::1",
    "v6 documentation, new": "3fff::1",
    "unique local": "fd00:ec2::254",
    "link local": "fe80::1",
    "link local of an interface": "fe80::1%eth0",
    "site local": "fec0::1",
    "v6 multicast": "ff02::1",
    "discard": "100::1",
}
FORMS = {
    "decimal": "2130706433",
    "decimal of metadata": "2852039166",
    "hex": "0x7f000001",
    "hex by parts": "0x7f.0x0.0x0.0x1",
    "octal": "0177.0.0.1",
    "octal whole": "017700000001",
    "short": "127.1",
    "shorter": "127.0.1",
    "leading zeros": "127.000.000.001",
    "mixed": "0x7f.1",
    "too large": "256.0.0.1",
    "five parts": "1.1.1.1.1",
    "fullwidth digits": "１２７.0.0.1",
    "circled digits": "①②⑦.⓪.⓪.①",
    "ideographic dots": "127。0。0。1",
    "percent": "%31%32%37.0.0.1",
    "one label": "metadata",
    "localhost": "localhost",
    "below localhost": "api.localhost",
    "metadata by name": "metadata.google.internal",
    "a printer": "printer.local",
    "a home": "router.home.arpa",
    "empty label": "a..example.com",
    "hyphen": "-a.example.com",
    "empty": "",
}
URLS = {
    "http": "http://hooks.example.com/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://hooks.example.com/",
    "no scheme": "hooks.example.com/a",
    "relative": "//hooks.example.com/a",
    "credentials": "https://user:pass@hooks.example.com/",
    "a name before @": "https://hooks.example.com@127.0.0.1/",
    "an empty name before @": "https://@hooks.example.com/",
    "fragment": "https://hooks.example.com/#a",
    "backslash": "https://hooks.example.com\\@127.0.0.1/",
    "space": "https://hooks.example.com /",
    "tab": "https://hooks.exa\tmple.com/",
    "line": "https://hooks.example.com/\r\nHost: inside",
    "nul": "https://hooks.example.com/\0",
    "ssh": "https://hooks.example.com:22/",
    "port 80": "https://hooks.example.com:80/",
    "port 0": "https://hooks.example.com:0/",
    "no port": "https://hooks.example.com:65536/",
    "port in words": "https://hooks.example.com:https/",
    "broken v6": "https://[::1/",
    "too long": "https://hooks.example.com/" + "a" * 2000,
}


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
def test_a_name_that_leads_inside_is_refused_even_beside_a_good_address(address: str) -> None:
    for answer in ([address], [PUBLIC, address], [address, PUBLIC]):
        with pytest.raises(Forbidden):
            ssrf.checked(answer)


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
def test_an_address_inside_is_refused_when_the_url_is_given(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden):
        ssrf.parse(f"https://{host}/hook")


@pytest.mark.parametrize("host", FORMS.values(), ids=FORMS)
def test_a_host_that_is_read_in_more_than_one_way_or_means_something_inside_is_refused(host: str) -> None:
    for name in (host, f"{host}.", host.upper()):
        with pytest.raises(Forbidden):
            ssrf.parse(f"https://{name}/hook")


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        ssrf.parse(url)


@pytest.mark.parametrize(
    "url,kept",
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("https://Hooks.Example.COM./a?b=c%20d&e", "https://hooks.example.com/a?b=c%20d&e"),
        ("https://hooks.example.com:443/", "https://hooks.example.com/"),
        ("https://hooks.example.com:8443/a", "https://hooks.example.com:8443/a"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        (f"https://{PUBLIC}/", f"https://{PUBLIC}/"),
        ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/"),
    ],
)
def test_a_url_on_the_open_internet_is_taken_and_kept_in_one_form(url: str, kept: str) -> None:
    place = ssrf.parse(url)
    assert place.url == kept
    assert ssrf.parse(kept) == place
    assert not place.loopback


def test_a_name_without_an_address_and_an_answer_that_is_none_are_refused() -> None:
    for answer in ([], ["hooks.example.com"], [""]):
        with pytest.raises(Forbidden):
            ssrf.checked(answer)


def test_addresses_of_the_open_internet_are_taken_in_their_order() -> None:
    addresses = ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC]
    assert [str(one) for one in ssrf.checked(addresses)] == addresses


@pytest.mark.parametrize("url", ["http://127.0.0.1:3000/a", "http://localhost:3000/a", "http://[::1]:3000/a"])
def test_plain_http_to_this_machine_is_taken_only_where_it_is_allowed(url: str) -> None:
    with pytest.raises(Forbidden):
        ssrf.parse(url)
    assert ssrf.parse(url, loopback=True).loopback


@pytest.mark.parametrize("url", ["http://127.1:3000/", "http://10.0.0.1/", "http://localhost.example.com/"])
def test_what_allows_this_machine_allows_no_other_in_plain_http(url: str) -> None:
    with pytest.raises(Forbidden):
        ssrf.parse(url, loopback=True)


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "169.254.169.254"])
def test_a_name_of_this_machine_that_leads_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(Forbidden):
        ssrf.checked(["127.0.0.1", address], loopback=True)


@given(st.integers(0, 2**32 - 1))
def test_no_v4_address_is_taken_in_v6_clothing(number: int) -> None:
    dressed = [number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    for address in dressed:
        assert not ssrf.is_global(IPv6Address(address))


@given(st.ip_addresses())
def test_what_is_taken_is_always_an_address_of_the_open_internet(address: ssrf.Address) -> None:
    if ssrf.is_global(address):
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_link_local, address.is_multicast))
