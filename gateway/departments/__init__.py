"""The gateway's parts, built by department and joined in `gateway.app`.

Each module makes what belongs together, says in one value what it has made, and leaves on the stack how that ends.
What a department needs of another it is handed; what runs all the time is started in `gateway.app`.
"""
