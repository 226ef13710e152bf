"""What was recorded and done, in chains that show each later change: hashes, signatures, and anchors elsewhere."""
