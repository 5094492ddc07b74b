"""The SOPS file: metadata, master keys, values, MAC, selection, encrypt and decrypt."""
