"""Goldsmith, an image factory for KVM and OpenStack guests."""

__version__ = "0.1.0"
