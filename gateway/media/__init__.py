"""Media without I/O: bytes and packets in, values out. No sockets, no clocks, no codecs' libraries."""
