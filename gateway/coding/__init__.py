"""Therapy coding: units from minutes, modifiers, and the published edits that a claim meets. Pure."""
