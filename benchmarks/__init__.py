"""What unihub costs, each figure beside its peer's in the same run."""
