"""When the gateway raises an alert by itself: a module for each family of rules. Facts in, judgements out."""
