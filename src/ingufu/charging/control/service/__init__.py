"""Control of transactions as other packages use it."""

from ingufu.charging.control.service.asking import Control

__all__ = ["Control"]
