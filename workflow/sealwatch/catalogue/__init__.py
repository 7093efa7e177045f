"""Stage 1: the STAC catalogue is searched and becomes an inventory of one small file per acquisition."""
