"""A QGIS without a screen that does what it is told, line by line; run by the system's Python, which has PyQGIS.

/usr/bin/python3 tests/builders/qgis_session.py PROJECT

Each line of standard input is JSON with `do` and its arguments; each answer is a line of JSON. It imports nothing of
Sealwatch, whose Python may be another one.
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsAttributeEditorContainer,
    QgsExpression,
    QgsFeatureRequest,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorDataProvider,
    QgsVectorLayer,
    QgsVectorLayerTools,
)
from qgis.gui import QgsAttributeEditorContext, QgsAttributeForm, QgsGui, QgsMapCanvas
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QFont, QImage, QPainter, QPen
from qgis.PyQt.QtWidgets import QTabWidget


def state():
    """Layers with what may be done to them, themes, relations, CRS."""
    project = QgsProject.instance()
    layers = {}
    for key, layer in project.mapLayers().items():
        known = {"title": layer.name(), "valid": layer.isValid(), "crs": layer.crs().authid()}
        if layer.isValid() and layer.type() == layer.VectorLayer:
            can = layer.dataProvider().capabilities()
            known["features"] = sum(1 for _ in layer.getFeatures())
            known["writes"] = [
                name
                for name in ("AddFeatures", "DeleteFeatures", "ChangeAttributeValues", "ChangeGeometries")
                if not layer.readOnly() and can & getattr(QgsVectorDataProvider, name)
            ]
        layers[key] = known
    themes = project.mapThemeCollection()
    return {
        "crs": project.crs().authid(),
        "layers": layers,
        "themes": {name: sorted(themes.mapThemeVisibleLayerIds(name)) for name in themes.mapThemes()},
        "relations": {key: rel.isValid() for key, rel in project.relationManager().relations().items()},
    }


def form():
    """Fields of the form by group, with widgets and rights, and the values that its lists offer."""
    layer = polygons()
    config = layer.editFormConfig()
    groups = {}

    def walk(container):
        for child in container.children():
            if isinstance(child, QgsAttributeEditorContainer):
                walk(child)
            else:
                groups.setdefault(container.name(), []).append(child.name())

    walk(config.invisibleRootContainer())
    fields = {}
    for number, field in enumerate(layer.fields()):
        widget = QgsGui.editorWidgetRegistry().findBest(layer, field.name())
        values = [next(iter(item.values())) for item in widget.config().get("map", [])]
        fields[field.name()] = {
            "widget": widget.type(),
            "values": values,
            "editable": not config.readOnly(number),
        }
    return {"groups": groups, "fields": fields}


def look(polygon):
    """Attributes of a polygon as they are shown; QGIS keeps the row."""
    return {name: str(value) for name, value in found(polygon).attributeMap().items()}


def decide(polygon, values=None, grow_m=None, fresh=True):
    """Edit a polygon's attributes and its outline, and save; the errors that QGIS shows."""
    layer = polygons()
    feature = found(polygon) if fresh else seen[polygon]
    assert layer.startEditing()
    for name, value in (values or {}).items():
        layer.changeAttributeValue(feature.id(), layer.fields().lookupField(name), value)
    if grow_m is not None:
        outline = feature.geometry().buffer(grow_m, 2)
        outline.convertToMultiType()
        layer.changeGeometry(feature.id(), outline)
    saved = layer.commitChanges()
    errors = layer.commitErrors()
    if not saved:
        layer.rollBack()
    return {"saved": saved, "errors": errors}


def begin_editing(layer):
    """Whether QGIS lets a layer be edited."""
    return QgsProject.instance().mapLayer(layer).startEditing()


def picture(polygon, target, width=720, map_height=520, height=900, around_m=120):
    """Both themes side by side around a polygon, and its form below, as PNG."""
    feature, project = found(polygon), QgsProject.instance()
    area = feature.geometry().boundingBox().buffered(around_m)
    sheet = QImage(2 * width + 10, map_height + height + 10, QImage.Format_RGB32)
    sheet.fill(QColor("white"))
    painter = QPainter(sheet)
    for column, theme in enumerate(("before", "after")):
        settings = QgsMapSettings()
        settings.setDestinationCrs(project.crs())
        settings.setLayers(project.mapThemeCollection().mapThemeVisibleLayers(theme))
        settings.setOutputSize(QSize(width, map_height))
        settings.setExtent(area)
        settings.setBackgroundColor(QColor("white"))
        job = QgsMapRendererParallelJob(settings)
        job.start()
        job.waitForFinished()
        painter.drawImage(column * (width + 10), 0, job.renderedImage())
        painter.setFont(QFont("DejaVu Sans", 14))
        painter.fillRect(column * (width + 10) + 8, 8, 100, 30, QColor("white"))
        painter.drawText(column * (width + 10) + 16, 30, theme)
    layer = polygons()
    layer.startEditing()
    forms, context, tools = [], QgsAttributeEditorContext(), Tools()
    context.setVectorLayerTools(tools)  # the list of decisions in the form asks for them
    for tab in range(2):
        shown = QgsAttributeForm(layer, feature, context)
        for tabs in shown.findChildren(QTabWidget):
            tabs.setCurrentIndex(tab)
        shown.resize(width, height)
        shown.show()
        for _ in range(50):
            QgsApplication.processEvents()
        painter.drawPixmap(tab * (width + 10), map_height + 10, shown.grab())
        forms.append(shown)  # deleted while it listens to its layer, it would crash
    painter.end()
    layer.rollBack()
    return {"written": sheet.save(target)}


def wfs_picture(url, layer, polygon, target, width=720, height=620):
    """A layer of a WFS, as QGIS reads it: the whole on a map with one polygon marked, and that one's attributes."""
    source = f"url='{url}' typename='{layer}' version='2.0.0' pagingEnabled='true' restrictToRequestBBOX='0'"
    read = QgsVectorLayer(source, layer, "WFS")
    if not read.isValid():
        return {"written": False, "why": read.error().summary() or read.dataProvider().error().summary()}
    (feature,) = read.getFeatures(QgsFeatureRequest(QgsExpression(f"\"polygon_id\" = '{polygon}'")))
    features = sum(1 for _ in read.getFeatures())
    sheet = QImage(2 * width + 10, height, QImage.Format_RGB32)
    sheet.fill(QColor("white"))
    painter = QPainter(sheet)
    settings = QgsMapSettings()
    settings.setDestinationCrs(read.crs())
    settings.setLayers([read])
    settings.setOutputSize(QSize(width, height))
    settings.setExtent(read.extent().buffered(200))
    settings.setBackgroundColor(QColor("white"))
    read.renderer().symbol().setColor(QColor("#0072b2"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    painter.drawImage(0, 0, job.renderedImage())
    pixel = settings.mapToPixel().transform(feature.geometry().centroid().asPoint())
    painter.setPen(QPen(QColor("#d55e00"), 3))
    painter.drawEllipse(int(pixel.x()) - 18, int(pixel.y()) - 18, 36, 36)
    painter.setPen(QColor("black"))
    painter.setFont(QFont("DejaVu Sans", 12))
    painter.drawText(12, 24, f"{layer}: {features} feature{'s' * (features != 1)} in {read.crs().authid()}")
    context, tools = QgsAttributeEditorContext(), Tools()
    context.setVectorLayerTools(tools)
    shown = QgsAttributeForm(read, feature, context)
    shown.resize(width, height)
    shown.show()
    for _ in range(50):
        QgsApplication.processEvents()
    painter.drawPixmap(width + 10, 0, shown.grab())
    painter.end()
    forms.append((shown, read))  # deleted while it listens to its layer, it would crash
    return {"written": sheet.save(target), "features": features}


class Tools(QgsVectorLayerTools):
    """The part of QGIS's window that a form hands editing of related tables to; here it edits nothing."""

    def addFeature(self, *_, **__):
        """Add nothing."""
        return False, None

    def startEditing(self, *_):
        """Refuse."""
        return False

    def stopEditing(self, *_):
        """Nothing to stop."""
        return False

    def saveEdits(self, *_):
        """Nothing to save."""
        return False

    def copyMoveFeatures(self, *_):
        """Copy nothing."""
        return False, None


def polygons():
    """The layer in which reviewers decide."""
    return QgsProject.instance().mapLayer("review_polygons")


def found(polygon):
    """Its feature, remembered as seen."""
    request = QgsFeatureRequest(QgsExpression(f"\"polygon_id\" = '{polygon}'"))
    (feature,) = polygons().getFeatures(request)
    seen[polygon] = feature
    return feature


seen, forms = {}, []
ACTIONS = {f.__name__: f for f in (state, form, look, decide, begin_editing, picture, wfs_picture)}


def main():
    """Open the project and answer until the input ends."""
    application = QgsApplication([], True)
    application.initQgis()
    QgsGui.editorWidgetRegistry().initEditors(QgsMapCanvas())
    opened = QgsProject.instance().read(sys.argv[1])
    print(json.dumps({"opened": opened}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(ACTIONS[asked.pop("do")](**asked)), flush=True)
    application.exitQgis()


if __name__ == "__main__":
    main()
