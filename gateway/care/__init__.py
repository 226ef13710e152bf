"""What keeps the data of a gateway safe: backups of it, and bringing them back."""
