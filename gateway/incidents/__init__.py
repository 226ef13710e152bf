"""What a control room works with: alerts, geofences, incidents, and who is told of them."""
