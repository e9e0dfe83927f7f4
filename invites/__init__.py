"""The invite tree: who answers for whom, and the currency of invitations (protocol.md section 8)."""
