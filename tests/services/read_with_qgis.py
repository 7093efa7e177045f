"""Read a layer with QGIS's own WFS provider and print what it saw as JSON; run by the system's Python.

python3 read_with_qgis.py URL VERSION LAYER PAGE_SIZE
"""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer

url, version, layer, size = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
source = f"url='{url}' typename='{layer}' version='{version}' pagingEnabled='true' pageSize='{size}'"
read = QgsVectorLayer(source, "layer", "WFS")
rows = [feature.attributes() for feature in read.getFeatures()] if read.isValid() else []
json.dump(
    {
        "valid": read.isValid(),
        "crs": read.crs().authid(),
        "fields": [field.name() for field in read.fields()],
        "rows": [[str(value) for value in row] for row in rows],
        "areas": [feature.geometry().area() for feature in read.getFeatures()],
    },
    sys.stdout,
)
