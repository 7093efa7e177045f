"""The land-cover network: labelled patches in, one ONNX file and its model card out.

`bands` and `local_labels` are light, for the time when rules are parsed; torch belongs in the training job alone.
"""
