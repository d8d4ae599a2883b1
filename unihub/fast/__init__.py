"""Loading one signature for inference without building the whole object."""
