"""The shipped transport: whole rollouts through shared memory, and nobody from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wiw_ros.testing import NodeProcess, Probe, own_domain
from wiw_ros.transport import environment, profile


def test_the_profile_is_shipped_with_the_package() -> None:
    path = Path(environment()["FASTRTPS_DEFAULT_PROFILES_FILE"])
    assert path == profile() and path.is_file()
    texts = {
        element.tag.rpartition("}")[2]: element.text for element in ElementTree.parse(path).iter()
    }
    assert texts["address"] == "127.0.0.1" and texts["useBuiltinTransports"] == "false"
    assert int(texts["segment_size"] or 0) >= 64 * 2**20


@pytest.fixture
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


def udp_addresses(pid: int) -> set[str]:
    """Return the local addresses of a process's IPv4 UDP sockets."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(os.readlink(link))
        except FileNotFoundError:  # closed meanwhile
            continue
    addresses = set()
    for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in own:
            number = bytes.fromhex(fields[1].partition(":")[0])[::-1]
            addresses.add(".".join(str(byte) for byte in number))
    return addresses


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="reads Linux's /proc")
def test_no_socket_of_a_node_can_be_reached_from_outside(probe: Probe, tmp_path: Path) -> None:
    with NodeProcess("wiw_ros.fake_node", tmp_path, name="alone") as node:
        probe.until_state("alone", "active")
        addresses = udp_addresses(node.process.pid)
    assert "127.0.0.1" in addresses
    assert addresses <= {"127.0.0.1", "239.255.0.1"}
