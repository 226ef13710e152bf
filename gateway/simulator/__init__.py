"""Body-worn cameras for the demo and the tests, made of the gateway's own parts."""
