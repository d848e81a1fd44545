"""Holds what looks at a desk from outside: replay, explanations, reports."""
