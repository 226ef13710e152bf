"""What leaves the archive, and what proves it: exports, evidence packages, imports."""
