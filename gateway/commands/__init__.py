"""What each `sightline` command does, a module for each subject. They work beside a running gateway, on its database,
and take effect at once.

A command prints its result on standard output and returns its exit code; what goes wrong is raised. What the command
line looks like is `gateway.command_line`.
"""
