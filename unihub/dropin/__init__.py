"""unihub in the place of tensorflow_hub."""
