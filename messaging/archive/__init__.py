"""The plain-file archive of a hub, and bundles that travel on a stick (docs/archive.md)."""
