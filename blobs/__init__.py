"""Blobs: sealed files of messages, kept beside the store (protocol.md section 11)."""
