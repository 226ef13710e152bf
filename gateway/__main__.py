"""Where the `sightline` command begins: `gateway.command_line` is what it takes and does.

Nothing is imported before it is called, for each worker process that `multiprocessing` starts imports this once more.
"""


def main() -> None:
    """Do what the command line says, and exit with its code."""
    from gateway.command_line import main

    main()


if __name__ == "__main__":
    main()
