"""Where the wearer is: one module per carrier, the tracker that validates, smoothing for display, blocks and the store
that keep fixes, and the formats they are handed out in.

Only `store` knows of asyncio and the database; everything else is values in, values out, with time as an argument.
"""
