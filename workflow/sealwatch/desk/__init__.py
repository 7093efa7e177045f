"""The review desk: a web application in which people with accounts decide on polygons."""
