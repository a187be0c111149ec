"""The one door through which a photograph is opened: bytes from anywhere in, upright sRGB pixels out, or a refusal.

Curation judges what this gives, training learns from the same pixels.
"""
