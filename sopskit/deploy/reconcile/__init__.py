"""The reconciler: Git is the truth, the cluster follows, the private key stays inside."""
