"""What the console adds to the floors below: the operator's refusals at login, changed settings, runs of tasks."""

from __future__ import annotations

from accord.certs import Certificate
from accord.errors import AccordError
from console import runs  # noqa: F401 - listens to Celery
from console.selectors import is_blocked
from console.services import options_refresh
from peers import registry


def check_blocked(certificate: Certificate) -> None:
    """Refuse a device or a certificate that the operator refuses."""
    if is_blocked(serial=certificate.serial, client=certificate.client):
        raise AccordError("unauthorized", "the operator of this hub refuses this device")


registry.login_checks.append(check_blocked)
registry.pulses.append(options_refresh)
