"""Billing: from what was measured to what is owed. The energy that counts, charge records, invoices, fiscal devices."""
