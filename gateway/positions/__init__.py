"""Where the wearer is: one parser per carrier, the tracker that validates, storage in blocks, GPX and GeoJSON."""
