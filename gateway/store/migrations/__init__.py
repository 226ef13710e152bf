"""How the catalog database came to its present shape, one revision per file."""
