"""Invoices, receipts, credit notes and statements: numbered without gaps for each legal entity."""
