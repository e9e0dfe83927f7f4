"""The links of this process: dials, hangs up, waits, and knows every live session with another hub.

The rows of `Link` say what is wanted; twice a second they are looked at, so it does not matter which process wrote
them. Between two hubs one session is enough: while the other one has dialled, this one does not, and of two that have
met the one that the hub with the smaller key has dialled stays. Not here: what a session does (peering.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from accord.certs import Certificate
from accord.errors import AccordError, CloseCode
from accord.keys import fingerprint
from accord_client.errors import HubUnreachable, LoginRefused
from accord_client.session import Backoff
from discovery.finder import finder
from links import selectors, services
from links.addresses import peer_address
from links.dialled import Dialled
from links.holdings import Acquaintance
from links.models import Link
from links.peering import Peering
from links.served import Served
from links.states import State
from messaging.live import dispatched
from messaging.stored import Stored
from peers import registry
from peers.clock import now_ms
from peers.db import in_db
from peers.keyring import keyring
from peers.loop import loop_bridge
from peers.sessions import Session

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 5.0
MAX_PAUSE_SECONDS: Final = 600.0
STEADY_SECONDS: Final = 60.0
USED_LOOK_SECONDS: Final = 2.0


@dataclass
class _Keeper:
    """What keeps one link dialled."""

    origin: str
    everything: bool
    wake: asyncio.Event
    asked_at: int | None = None
    task: asyncio.Task[None] | None = None


class Links:
    """All links of this process. On the loop, but for `pulse`."""

    def __init__(self) -> None:
        self.dialled: dict[bytes, Dialled] = {}
        self.served: dict[bytes, Served] = {}
        self._keepers: dict[bytes, _Keeper] = {}
        self._known: dict[bytes, Acquaintance] = {}
        self._poked: dict[bytes, int] = {}
        self._used: frozenset[object] = frozenset()
        self._is_started = False
        self._used_at = 0.0

    def peerings(self) -> list[Peering]:
        """Every live session with another hub."""
        return [*self.dialled.values(), *self.served.values()]

    def known(self, hub: bytes) -> Acquaintance:
        """What is remembered of a hub."""
        return self._known.setdefault(hub, Acquaintance())

    # Twice a second, in a database thread

    def pulse(self) -> None:
        """Look at the rows, and have the loop obey them."""
        if not self._is_started:
            services.links_start(now=now_ms())
            self._is_started = True
        rows = list(Link.objects.all())
        loop_bridge.soon(self._look, rows)
        if rows and time.monotonic() - self._used_at > USED_LOOK_SECONDS:
            self._used_at = time.monotonic()
            loop_bridge.soon(self._look_at_use, selectors.used_channels(now=now_ms()))

    # On the loop

    def _look(self, rows: list[Link]) -> None:
        by_key = {bytes(row.key): row for row in rows}
        for key in self._keepers.keys() - by_key.keys():
            self._drop(key)
        for key, row in by_key.items():
            keeper = self._keepers.get(key)
            everything = row.everything or settings.IS_GOSSIP
            if keeper is not None and (
                not row.enabled or (keeper.origin, keeper.everything) != (row.origin, everything)
            ):
                self._drop(key)
                keeper = None
            if row.enabled and row.origin and keeper is None:
                self._keep(key, row.origin, everything)
            elif keeper is not None and (row.state == State.NEW or row.asked_at != keeper.asked_at):
                keeper.asked_at = row.asked_at
                keeper.wake.set()
            if not row.enabled and key in self.served:
                self.served[key].refuse()
            if row.enabled and row.asked_at:
                self._ask(key, row.asked_at)

    def _look_at_use(self, used: frozenset[object]) -> None:
        if used != self._used:
            self._used = used
            for dialled in self.dialled.values():
                dialled.look_again()
            for served in self.served.values():
                served.poke()

    def _ask(self, key: bytes, asked_at: int) -> None:
        if self._poked.get(key) == asked_at:
            return
        self._poked[key] = asked_at
        if key in self.dialled:
            self.dialled[key].look_again()
        elif key in self.served:
            self.served[key].poke()

    def _keep(self, key: bytes, origin: str, everything: bool) -> None:
        keeper = self._keepers[key] = _Keeper(origin, everything, asyncio.Event())
        keeper.task = asyncio.create_task(self._stay_linked(key, keeper), name=f"link {fingerprint(key)}")

    def _drop(self, key: bytes) -> None:
        keeper = self._keepers.pop(key)
        if keeper.task is not None:
            keeper.task.cancel()

    async def _stay_linked(self, key: bytes, keeper: _Keeper) -> None:
        delays = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS).delays()
        while True:
            if key in self.served:  # it has dialled: that session does
                await self.served[key].gone.wait()
                await asyncio.sleep(next(delays))
                continue
            began = time.monotonic()
            keeper.wake.clear()  # now, not afterwards: who wakes it while a try fails wants another one
            state, code = await self._session(key, keeper)
            if time.monotonic() - began > STEADY_SECONDS:
                delays = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS).delays()
            pause = 0.0 if code == "expired" else MAX_PAUSE_SECONDS if state is State.REFUSED else next(delays)
            if key not in self.served and not await in_db(
                services.link_step, key=key, state=state, now=now_ms(), code=code, next_at=now_ms() + int(pause * 1000)
            ):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await keeper.wake.wait()

    async def _session(self, key: bytes, keeper: _Keeper) -> tuple[State, str]:
        """One session, from dialling to its end; gives what the link is then, and why."""
        if not await in_db(services.link_step, key=key, state=State.DIALLING, now=now_ms()):
            return State.OFF, ""
        dialled = Dialled(key, self.known(key), everything=keeper.everything)
        try:
            await _dial(dialled, peer_address(keeper.origin))
            self.dialled[key] = dialled
            await dialled.step(State.COMPARING)
            code = await dialled.run()
        except LoginRefused as error:
            passing = not error.authenticated or error.code in ("busy", "rate", "internal")
            is_final = error.code == "wrong_server" or not passing
            return (State.REFUSED if is_final else State.WAITING), error.code
        except AccordError as error:  # RemoteError too
            logger.warning("%s ended: %s", dialled, error)
            return (State.REFUSED if error.code == "wrong_server" else State.WAITING), error.code
        except HubUnreachable:
            return State.WAITING, "unreachable"
        except TimeoutError:
            return State.WAITING, "silent"
        except Exception:  # whatever it was, the link must be dialled again
            logger.exception("%s failed", dialled)
            return State.WAITING, "internal"
        finally:
            self.dialled.pop(key, None)
        if code == CloseCode.REVOKED:
            return State.REFUSED, "denied"
        return State.WAITING, "expired" if dialled.is_expired else "lost"

    # Hubs that dial this one

    def serve(self, session: Session) -> Served:
        """A hub has dialled."""
        served = Served(session, self.known(session.client))
        self.served[served.hub] = served
        session.run(self._serve(served))
        if served.hub in self.dialled and keyring().hub.public > served.hub:
            self.dialled[served.hub].hang_up()
        return served

    async def _serve(self, served: Served) -> None:
        key = served.hub
        try:
            link = await in_db(services.link_make, key=key, name="", origin="", everything=False, now=now_ms())
            if not link.enabled:
                served.refuse()
                return
            if key not in self.dialled:
                await served.step(State.COMPARING)
            await served.work()
        except* (AccordError, HubUnreachable, TimeoutError) as group:
            logger.warning("%s ended: %s", served, "; ".join(str(error) for error in group.exceptions))
            served.hang_up()
        except* Exception:
            logger.exception("%s failed", served)
            served.hang_up()
        finally:
            await asyncio.shield(self._served_ended(served))

    async def _served_ended(self, served: Served) -> None:
        await served.close()
        if self.served.get(served.hub) is served:
            del self.served[served.hub]
            if served.hub not in self.dialled:
                link = await in_db(selectors.link_of, served.hub)
                if link is not None and link.enabled:
                    state = State.WAITING if link.origin else State.LISTENING
                    await in_db(services.link_step, key=served.hub, state=state, now=now_ms(), code="lost")
        served.gone.set()

    # What is stored

    def note(self, stored: list[Stored]) -> None:
        """Whatever has been stored here."""
        for peering in self.peerings():
            peering.note(stored)


async def _dial(dialled: Dialled, ws: str) -> None:
    """Dial where the operator said; if that hub is not there, where it has proved its key since."""
    try:
        await dialled.dial(ws)
        return
    except (AccordError, HubUnreachable) as error:
        if isinstance(error, AccordError) and error.code != "wrong_server":
            raise
        found = await asyncio.get_running_loop().run_in_executor(_finding, finder.address_of, dialled.hub)
        if found is None or found.ws == ws:
            raise
    logger.info("%s: found at %s", dialled, found.ws)
    await dialled.dial(found.ws, address=found.address)


_finding: Final = ThreadPoolExecutor(1, thread_name_prefix="find")  # it blocks for seconds
links: Final = Links()


def served(session: Session) -> Served:
    """A hub has dialled this one."""
    return links.serve(session)


def _check(certificate: Certificate) -> None:
    """The operator has switched a link off: that hub is not let in."""
    if "relay" in certificate.scope:
        link = selectors.link_of(certificate.client)
        if link is not None and not link.enabled:
            raise AccordError("denied", "that link is switched off here")


def _show_certificates() -> None:
    for peering in links.peerings():
        peering.show_certificates()


registry.pulses.append(links.pulse)
registry.login_checks.append(_check)
registry.linked_hubs.append(selectors.linked_hubs)
registry.served_hooks.append(_show_certificates)
dispatched.append(links.note)
