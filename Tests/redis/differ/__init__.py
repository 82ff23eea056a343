"""The parts of the differential test: random commands sent to two servers side by side, and their replies compared."""
