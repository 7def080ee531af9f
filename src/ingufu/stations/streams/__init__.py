"""Periodic event streams of OCPP 2.1: values of monitored variables that come by themselves."""
