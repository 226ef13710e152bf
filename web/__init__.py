"""HTTP: aiohttp routes over the gateway's services. No rule of the domain is decided here."""
