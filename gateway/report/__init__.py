"""The report that a citizen can read: what was recorded, who looked how often and why, what was shared and deleted."""
