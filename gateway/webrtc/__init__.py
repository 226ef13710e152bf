"""WebRTC transport: ICE-lite on one port, DTLS, SRTP, sessions. Knows nothing of cameras or viewers' rights."""
