"""Hosts of their own for the nodes of a graph, joined by a network that can be cut.

Each host is a network namespace with one virtual cable to a switch; to cut it off, its end of the
cable at the switch is taken down. Needs the right to administer the network, as root has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROFILE = """<?xml version="1.0" encoding="UTF-8" ?>
<dds xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <profiles>
    <transport_descriptors>
      <transport_descriptor>
        <transport_id>udp</transport_id>
        <type>UDPv4</type>
      </transport_descriptor>
    </transport_descriptors>
    <participant profile_name="udp_only" is_default_profile="true">
      <rtps>
        <userTransports>
          <transport_id>udp</transport_id>
        </userTransports>
        <useBuiltinTransports>false</useBuiltinTransports>
      </rtps>
    </participant>
  </profiles>
</dds>
"""
"""Shared memory would go round the cut: only the network, on every interface of a host."""


class Network:
    """A switch and the hosts on it.

    Parameters
    ----------
    hosts : sequence of str
        Short names; host k has the address 10.213.0.k of the switch's own network.
    owner : int
        Process that builds it, on the machine where the switch is; the caller by default.
    """

    def __init__(self, hosts: Sequence[str], owner: int = 0) -> None:
        owner = owner or os.getpid()
        mark = f"{owner % 0xFFFF:x}"
        self._at_switch = ("nsenter", f"--net=/proc/{owner}/ns/net")
        self._switch = f"ws{mark}"
        self._hosts = {name: f"wh{mark}{index}" for index, name in enumerate(hosts, 1)}

    def on(self, host: str) -> tuple[str, ...]:
        """Return the words that run a command on a host."""
        return ("ip", "netns", "exec", self._hosts[host])

    def cut(self, host: str) -> None:
        """Unplug a host; from any host."""
        _ip("link", "set", self._hosts[host], "down", before=self._at_switch)

    def join(self, host: str) -> None:
        """Plug it in again."""
        _ip("link", "set", self._hosts[host], "up", before=self._at_switch)

    @contextmanager
    def built(self) -> Iterator[Network]:
        """Build it all, and take it away at the end; raises ``CalledProcessError`` if forbidden."""
        with ExitStack() as undo:
            _ip("link", "add", self._switch, "type", "bridge")
            undo.callback(_ip, "link", "del", self._switch)
            _ip("link", "set", self._switch, "up")
            for index, host in enumerate(self._hosts.values(), 1):
                _ip("netns", "add", host)
                undo.callback(_ip, "netns", "del", host)
                _ip("link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", host)
                _ip("link", "set", host, "master", self._switch, "up")
                for words in (
                    ("addr", "add", f"10.213.0.{index}/24", "dev", "eth0"),
                    ("link", "set", "lo", "up"),
                    ("link", "set", "eth0", "up"),
                    ("route", "add", "224.0.0.0/4", "dev", "eth0"),
                ):
                    _ip("-n", host, *words)
            yield self


def transport(folder: Path) -> dict[str, str]:
    """Write the transport profile and return the variables that put a process on it."""
    path = folder / "udp_only.xml"
    path.write_text(PROFILE)
    return {
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(path),
    }


def why_not() -> str:
    """Return why networks cannot be built here; empty if they can."""
    for command, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
        if shutil.which(command) is None:
            return f"the command `{command}` (Debian package {package}) is not installed"
    try:
        with Network(["probe"]).built():
            return ""
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not permitted here: {error.stderr.strip()}"


def _ip(*words: str, before: Sequence[str] = ()) -> None:
    command = [*before, "ip", *words]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=10.0)
