"""What every layer stands on: settings, clock, errors, supervised tasks, worker threads, metrics."""
