"""Showing the past in a player: playlists, and media on the timeline of UTC, made of Segments as they lie on disk."""
