"""Errors a user can act on: each message names the file or service, the field and the mend."""

from __future__ import annotations


class SealwatchError(Exception):
    """Base of every error whose message alone is enough for the user; scripts print it without traceback."""


class ConfigError(SealwatchError):
    """A configuration key is missing, unknown or out of range."""


class CatalogueError(SealwatchError):
    """A STAC API did not answer, answered nonsense, or a search found nothing."""


class RasterError(SealwatchError):
    """A raster cannot be read or has not the grid, bands or type it must have."""


class VectorError(SealwatchError):
    """A vector source cannot be read, has no CRS or lacks a field."""


class ModelError(SealwatchError):
    """A model file is damaged, of another kind, or does not fit the data."""


class GrassError(SealwatchError):
    """A GRASS module failed or did not end in time."""


class CheckError(SealwatchError):
    """GRASS computes another value than the file holds."""


class DatabaseError(SealwatchError):
    """PostgreSQL is out of reach or refuses a statement."""


class ServiceError(SealwatchError):
    """A web service could not be started or does not answer as it must."""


class ReleaseError(SealwatchError):
    """The folder of a release is not what was released."""


class PlanError(SealwatchError):
    """A plan of a run cannot be made."""


class StorageError(SealwatchError):
    """The acquisitions cannot be kept within the configured bound."""
