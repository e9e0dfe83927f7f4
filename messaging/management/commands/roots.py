"""`manage.py roots`: the root of every topic, as export_bundle takes them (protocol.md section 5)."""

from __future__ import annotations

import json
from typing import Any

from accord.encoding import b64encode
from accord.topics import Topic as TopicName
from messaging import trees
from messaging.models import Topic
from peers.clock import now_ms
from peers.commands import HubCommand


class Command(HubCommand):
    """Prints one JSON object, topics and roots."""

    help = "Print the root of every topic's Merkle tree as one JSON object."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print."""
        names = [TopicName(kind, bytes(ident)) for kind, ident in Topic.objects.values_list("kind", "ident")]
        found = trees.roots(dict.fromkeys(names, 0), now=now_ms())
        roots = {name.name: b64encode(entry.root) for name, entry in found.items() if entry.count}
        self.stdout.write(json.dumps(roots, indent=1, sort_keys=True))
