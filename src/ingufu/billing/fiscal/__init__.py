"""Fiscal devices: what a tax authority's machine must sign before a receipt is one."""
