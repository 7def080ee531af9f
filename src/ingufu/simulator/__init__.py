"""Simulated charging stations: scripted for tests, living by a seed for the demo and for load."""
