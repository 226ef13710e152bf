"""Hubs to disk: Segments, Recordings, the catalog, and the check of one against the other."""
