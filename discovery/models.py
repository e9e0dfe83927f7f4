"""The table of found hubs."""

from __future__ import annotations

from django.db import models


class Sighting(models.Model):
    """One address at which a hub was seen or is said to be, by one way of finding (protocol.md section 12).

    What is claimed is worth nothing; `key` is set once the hub there has proved it in a login, and `proved_at` says
    when it did so last.
    """

    class How(models.TextChoices):
        """The way in which it was found; the console words."""

        MDNS = "mdns", "on the local network (mDNS)"
        SCAN = "scan", "by trying the ports of hubs"
        DHT = "dht", "in the Mainline DHT"
        OPERATOR = "operator", "written down by the operator"
        INVITE = "invite", "in an invite of its operator"
        NOTE = "note", "in what a member says of somebody"

    how = models.CharField(max_length=8, choices=How.choices)
    address = models.CharField(max_length=255, help_text="WebSocket address for programs")
    known_as = models.CharField(max_length=39, blank=True, help_text="the address that came with the claim")
    claimed = models.BinaryField(max_length=32, default=b"", help_text="the key that is said to be there; may be empty")
    key = models.BinaryField(max_length=32, null=True, help_text="the key that was proved there")
    name = models.CharField(max_length=64, blank=True, help_text="what the hub calls itself")
    first_seen = models.BigIntegerField(help_text="ms since 1970 UTC")
    last_seen = models.BigIntegerField(help_text="ms since 1970 UTC; when it was last found or proved")
    proved_at = models.BigIntegerField(null=True, help_text="ms since 1970 UTC; empty: never")
    next_try = models.BigIntegerField(help_text="ms since 1970 UTC; when its key is asked for again")
    failures = models.IntegerField(default=0, help_text="tries in vain since the last proof")
    problem = models.CharField(max_length=160, blank=True, help_text="what the last try in vain met")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "how", "claimed"], name="sighting_once")]
        indexes = [
            models.Index(fields=["next_try"], name="sighting_by_next_try"),
            models.Index(fields=["key"], name="sighting_by_key"),
        ]

    def __str__(self) -> str:
        return self.name or self.address
