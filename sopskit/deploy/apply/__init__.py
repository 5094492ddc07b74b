"""Verified objects into a cluster: everything is tried first, then applied in stages, then what is no longer wanted goes."""
