"""This hub in the Mainline DHT: address records under hub keys, and who announced (protocol.md section 12, BEP 5, 44).

libtorrent does the work in threads of its own and is imported when this is first used. Its session opens one UDP port,
and a TCP port on which it takes no connection. It exchanges no torrents and asks no router for a way in.
Not here: whether any of it is true; an address is believed after a login only.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from accord.encoding import canonical, parse_canonical
from accord.errors import RemoteError
from accord.keys import SigningKey
from discovery.addresses import parse_ws

SALT: Final = b"accord"
HUBS_INFOHASH: Final = hashlib.sha1(b"accord-hub-v1", usedforsecurity=False).digest()
MAX_RECORD_BYTES: Final = 900  # BEP 44 allows 1,000 with its framing
MAX_RECORD_ADDRESSES: Final = 4
RECORD_LIFE_MS: Final = 2 * 3600 * 1000
MAX_RECORD_LIFE_MS: Final = 24 * 3600 * 1000
GET_SECONDS: Final = 10.0
MAX_PEERS_WAITING: Final = 200
LISTEN_EVERYWHERE: Final = "0.0.0.0:0,[::]:0"  # any free port
LISTEN_HERE: Final = "127.0.0.1:0,[::1]:0"
PRIVATE_PACKETS_A_SECOND: Final = 10_000  # of one address; in the world's network more than 5 are an attack
PUMP_MS: Final = 500
PUMP_STOP_SECONDS: Final = 2.0


def make_record(addresses: Sequence[str], *, now: int) -> bytes:
    """What a hub puts under its key: where it can be reached, until when."""
    return canonical({"a": list(addresses)[:MAX_RECORD_ADDRESSES], "e": now + RECORD_LIFE_MS})


def read_record(data: object, *, now: int) -> list[str]:
    """The addresses of a record that still holds; RemoteError."""
    if not isinstance(data, bytes):
        raise RemoteError("bad_encoding", "no address record")
    value = parse_canonical(data, max_bytes=MAX_RECORD_BYTES)
    if not isinstance(value, dict):
        raise RemoteError("bad_request", "no address record")
    addresses, expires = value.get("a"), value.get("e")
    if not isinstance(addresses, list) or not 1 <= len(addresses) <= MAX_RECORD_ADDRESSES or type(expires) is not int:
        raise RemoteError("bad_request", "no address record")
    if not now < expires <= now + MAX_RECORD_LIFE_MS:
        raise RemoteError("gone", "the address record has expired")
    for address in addresses:
        parse_ws(address)
    return addresses


def expanded(key: SigningKey) -> bytes:
    """What libtorrent calls a secret key: RFC 8032's 64-byte hash of the seed, clamped; not seed and public key."""
    digest = bytearray(hashlib.sha512(key.seed).digest())
    digest[0] &= 248
    digest[31] &= 63
    digest[31] |= 64
    return bytes(digest)


def is_available() -> bool:
    """Whether libtorrent is installed: there is not a build of it for every machine."""
    try:
        importlib.import_module("libtorrent")
    except ImportError:
        return False
    return True


def _are_all(nodes: Sequence[tuple[str, int]], what: Callable[[IPv4Address | IPv6Address], bool]) -> bool:
    """Whether the nodes are written as addresses, all of that kind."""
    try:
        return bool(nodes) and all(what(ip_address(host)) for host, _ in nodes)
    except ValueError:
        return False


class Dht:
    """One node. Its methods may be called from any thread."""

    def __init__(self, nodes: Sequence[tuple[str, int]], *, announces: bool, listen: str = "") -> None:
        """Come in through `nodes`; a node that announces nothing keeps nothing for others either.

        It listens on all networks of this machine; where the nodes are all on loopback, there.
        """
        self._lt = importlib.import_module("libtorrent")
        kinds = self._lt.alert.category_t
        # In the world's network addresses of inner networks, many nodes at one address, and one that says much, are
        # signs of an attack.
        is_worldwide = bool(nodes) and not _are_all(nodes, lambda address: not address.is_global)
        is_local = _are_all(nodes, lambda address: address.is_loopback)
        self._session = self._lt.session(
            {
                "listen_interfaces": listen or (LISTEN_HERE if is_local else LISTEN_EVERYWHERE),
                "enable_dht": True,
                "enable_lsd": False,
                "enable_upnp": False,
                "enable_natpmp": False,
                "enable_incoming_tcp": False,
                "enable_incoming_utp": False,
                "enable_outgoing_tcp": False,
                "enable_outgoing_utp": False,
                "dht_bootstrap_nodes": ",".join(f"{host}:{port}" for host, port in nodes),
                "dht_read_only": not announces,
                "dht_restrict_routing_ips": is_worldwide,
                "dht_restrict_search_ips": is_worldwide,
                "dht_ignore_dark_internet": is_worldwide,
                **({} if is_worldwide else {"dht_block_ratelimit": PRIVATE_PACKETS_A_SECOND}),
                "alert_mask": kinds.dht_notification | kinds.dht_operation_notification,
            }
        )
        self._lock = threading.Lock()
        self._waiting: dict[bytes, list[Future[bytes | None]]] = {}
        self._newest: dict[bytes, tuple[int, bytes]] = {}
        self._peers: set[tuple[str, int]] = set()
        self._entered = threading.Event()
        self._stopping = threading.Event()
        self._pump = threading.Thread(target=self._run, name="dht", daemon=True)
        self._pump.start()

    @property
    def port(self) -> int:
        """The UDP port."""
        return int(self._session.listen_port())

    def wait_entered(self, seconds: float) -> bool:
        """Whether the way in through the first nodes has been gone within that time."""
        return self._entered.wait(seconds)

    def put(self, key: SigningKey, record: bytes) -> None:
        """Put a record under a key, where the nodes next to it keep it for two hours."""
        self._session.dht_put_mutable_item(expanded(key), key.public, record, SALT)

    def get(self, key: bytes, *, seconds: float = GET_SECONDS) -> bytes | None:
        """The newest record under a key that was found in that time, None where there is none; blocks."""
        future: Future[bytes | None] = Future()
        with self._lock:
            self._waiting.setdefault(key, []).append(future)
        self._session.dht_get_mutable_item(key, SALT)
        try:
            return future.result(seconds)
        except NoAnswer:
            with self._lock:
                waiting = self._waiting.get(key, [])
                if future in waiting:
                    waiting.remove(future)
                return self._newest.get(key, (0, None))[1]
        finally:
            with self._lock:
                if not self._waiting.get(key):
                    self._waiting.pop(key, None)
                    self._newest.pop(key, None)

    def announce(self, port: int) -> None:
        """Say that a hub is at this machine's address and that port; others keep it for half an hour."""
        self._session.dht_announce(self._lt.sha1_hash(HUBS_INFOHASH), port, 0)

    def ask_peers(self) -> None:
        """Ask who has announced; `take_peers` has what came."""
        self._session.dht_get_peers(self._lt.sha1_hash(HUBS_INFOHASH))

    def take_peers(self) -> set[tuple[str, int]]:
        """Address and port of what has been announced, as far as it has come since the last call."""
        with self._lock:
            peers, self._peers = self._peers, set()
        return peers

    def close(self) -> None:
        """Leave."""
        self._stopping.set()
        self._pump.join(PUMP_STOP_SECONDS)
        self._session.pause()

    def _run(self) -> None:
        lt = self._lt
        while not self._stopping.is_set():
            self._session.wait_for_alert(PUMP_MS)
            for alert in self._session.pop_alerts():
                if isinstance(alert, lt.dht_mutable_item_alert):
                    self._take_item(bytes(alert.key), alert.seq, alert.item, bool(alert.authoritative))
                elif isinstance(alert, lt.dht_get_peers_reply_alert):
                    self._take_announced(alert.peers())
                elif isinstance(alert, lt.dht_bootstrap_alert):
                    self._entered.set()

    def _take_item(self, key: bytes, seq: int, item: Any, is_last: bool) -> None:
        with self._lock:
            if key not in self._waiting:
                return
            if isinstance(item, bytes) and item and seq >= self._newest.get(key, (0, b""))[0]:
                self._newest[key] = (seq, item)
            if is_last:
                for future in self._waiting.pop(key):
                    future.set_result(self._newest.get(key, (0, None))[1])
                self._newest.pop(key, None)

    def _take_announced(self, peers: Sequence[tuple[str, int]]) -> None:
        with self._lock:
            for host, port in peers:
                if len(self._peers) < MAX_PEERS_WAITING:
                    self._peers.add((str(host), int(port)))
