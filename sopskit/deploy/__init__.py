"""From verified plaintext in memory to manifests."""
