"""Sightline's server: live video and position from body-worn cameras to browsers, NVRs and the archive."""

__version__ = "0.1.0"
