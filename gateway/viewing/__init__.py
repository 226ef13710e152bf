"""Hubs to viewers: WHEP sessions, and one packetising per camera for all of them."""
