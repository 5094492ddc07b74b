"""Where private keys come from: one source per file, gathered in a keyring."""
