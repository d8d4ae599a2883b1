"""The folder that holds what was fetched and made, shared by processes."""
