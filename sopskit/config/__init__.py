"""`.sops.yaml` and `.sopskit.yaml`."""
