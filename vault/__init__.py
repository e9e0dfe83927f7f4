"""Ciphertext that the hub keeps for people: their vaults, and the stores (protocol.md section 9)."""
