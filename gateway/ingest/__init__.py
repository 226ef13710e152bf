"""Cameras to Hubs: one attempt (ONVIF, RTSP, depacketizing) and the fleet that supervises attempts."""
