"""Derive the venue's identifiers from a running number, so that the same inputs give the same ids."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f6a8d1e-2f0b-5c3e-9a55-1f6d8f4b7c21")


def derive_id(kind: str, sequence: int) -> str:
    """Return a UUID that is unique for a kind ("order", "execution") and its running number."""
    return str(uuid5(_NAMESPACE, f"{kind}:{sequence}"))
