"""The land-cover network: labelled patches in, one ONNX file and its model card out.

Only `bands` is light; the other modules import torch and belong in the training job alone.
"""
