"""Use cases of charge records: the only door to them for other packages."""

from ingufu.billing.records.service.records import ChargeRecords

__all__ = ["ChargeRecords"]
