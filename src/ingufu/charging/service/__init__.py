"""Charging as other packages use it."""

from ingufu.charging.service.counting import OpenCount
from ingufu.charging.service.recording import Charging

__all__ = ["Charging", "OpenCount"]
