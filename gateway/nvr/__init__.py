"""The side toward recorders: cameras of ours as cameras of theirs, by RTSP and ONVIF."""
