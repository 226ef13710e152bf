"""Who may do what: users, roles, rights, sessions, tokens, and the audit of it."""
