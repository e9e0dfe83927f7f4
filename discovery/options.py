"""What the operator decides about finding other hubs (protocol.md section 12); each holds from the next round on."""

from __future__ import annotations

from typing import Final

from discovery.addresses import Network, read_networks
from peers import options

MAX_SCANNED_HOSTS: Final = 4_096
MAX_NODES: Final = 8

OFF: Final = "off"
LOOPBACK: Final = "loopback"
KNOWN: Final = "known"
LISTED: Final = "listed"
LOOK: Final = "look"
ANNOUNCE: Final = "announce"

SCAN: Final = options.choice(
    "find_scan",
    "Where hubs are looked for by port",
    explains="Each minute the hub tries ports 51030 to 51042, a few computers at a time.",
    affects="Found hubs stay in the list; those of a place that is no longer looked at are not asked again.",
    default=lambda: LOOPBACK,
    choices=(
        (OFF, "nowhere"),
        (LOOPBACK, "on this machine"),
        (KNOWN, "on this machine and where known hubs are"),
        (LISTED, "on this machine, where known hubs are, and in the networks below"),
    ),
)
SCAN_NETWORKS: Final = options.line(
    "scan_networks",
    "Networks to look through",
    explains="Like 192.168.1.0/24, several between commas. A network of 256 computers takes about an hour.",
    affects="Counts if the setting above says so. Programs in these networks see that somebody tries their ports.",
    default=lambda: "",
    most=400,
    least=0,
    check=lambda text: read_networks(text, most_hosts=MAX_SCANNED_HOSTS),
    span=f"up to {MAX_SCANNED_HOSTS:,} addresses in all",
)
ALLOWED_NETWORKS: Final = options.line(
    "allowed_networks",
    "Inner networks that strangers may name",
    explains=(
        "Whoever claims that a hub is at an inner address (10.…, 192.168.…, 127.…) is not believed so far that the hub "
        "even tries; unless the address lies in one of these networks."
    ),
    affects="A claim that was refused for its address is tried again in its turn.",
    default=lambda: "",
    most=400,
    least=0,
    check=read_networks,
    span="like 192.168.1.0/24, several between commas",
)
MDNS: Final = options.choice(
    "find_mdns",
    "Hubs on the local network",
    explains=(
        "The hub says on its own network that it is there, and listens for others (mDNS). Only a hub whose ACCORD_URL "
        "is https on an inner address of this machine does either."
    ),
    affects="Off takes the hub's own announcement back at once.",
    default=lambda: "on",
    choices=((OFF, "not looked for, not told"), ("on", "looked for and told")),
)
DHT: Final = options.choice(
    "find_dht",
    "Hubs in the Mainline DHT",
    explains=(
        "The address book that BitTorrent programs of the whole world keep together. Who takes part shows this "
        "machine's address to many others; who announces says to all that a hub is at ACCORD_URL."
    ),
    affects="What was announced is forgotten by the others within two hours.",
    default=lambda: OFF,
    choices=((OFF, "not used"), (LOOK, "only asked"), (ANNOUNCE, "asked, and this hub announced")),
)
NOTES: Final = options.choice(
    "find_notes",
    "Hubs that members tell of",
    explains="Members may say where somebody they know can be reached; the hub then asks there who it is.",
    affects="Found hubs stay in the list; those that nobody has asked yet are not asked.",
    default=lambda: "on",
    choices=((OFF, "not looked for"), ("on", "looked for")),
)


def _check_nodes(text: str) -> None:
    nodes = read_nodes(text)
    if not 1 <= len(nodes) <= MAX_NODES:
        raise ValueError(f"1 to {MAX_NODES} nodes are expected")


def read_nodes(text: str) -> list[tuple[str, int]]:
    """Host and port of each DHT node; ValueError with a sentence for the operator."""
    nodes = []
    for word in text.replace(",", " ").split():
        host, _, port = word.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{word} is no node: write it like dht.example:6881")
        nodes.append((host, int(port)))
    return nodes


DHT_NODES: Final = options.line(
    "dht_nodes",
    "First nodes of the DHT",
    explains="Where the hub asks first when it comes into the DHT. A community may run a network of its own.",
    affects="Counts when the hub next comes into the DHT.",
    default=lambda: "dht.libtorrent.org:25401, router.bittorrent.com:6881, dht.transmissionbt.com:6881",
    most=400,
    check=_check_nodes,
    span=f"1 to {MAX_NODES} nodes, host:port, between commas",
)


def allowed_networks() -> list[Network]:
    """Inner networks to which claims may lead."""
    return read_networks(ALLOWED_NETWORKS.value)


def scanned_networks() -> list[Network]:
    """Networks that the operator wants looked through."""
    return read_networks(SCAN_NETWORKS.value) if SCAN.value == LISTED else []
