"""An archive → a folder, with nothing outside of it."""
