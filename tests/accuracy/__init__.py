"""Figures against truth or real labels; `make accuracy` writes docs/accuracy.md."""
