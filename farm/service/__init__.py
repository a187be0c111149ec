"""The farm's verbs: what a user may do, called by the API, the command line and later the pages alike."""

from farm.service.opening import open_service
from farm.service.verbs import Service
from farm.service.views import Submitted

__all__ = ["Service", "Submitted", "open_service"]
