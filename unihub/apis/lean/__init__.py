"""Loading what a call needs for inference, without building the whole object."""
