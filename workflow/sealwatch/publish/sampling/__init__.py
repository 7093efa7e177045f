"""Sampling mode: a stratified random sample of grid cells, interpreted blind, for the accuracy of the change maps."""
