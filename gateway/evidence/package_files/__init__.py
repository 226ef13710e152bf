"""What every evidence package has in it beside the evidence: how to check it, and a text that says what that proves."""
