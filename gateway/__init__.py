"""Sightline's server: live video and position from body-worn cameras to browsers, NVRs and the archive."""
