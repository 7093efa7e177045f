"""Stage 2: acquisitions are read from the catalogue's images and their patches classified."""
