"""Holds every event, command and value that crosses a process boundary.

Depends on msgspec and the standard library only. Events accept fields they do not know, because
time moves on; presets and settings refuse them, because people mistype. A field added later needs
a default; any other change is another type.
"""
