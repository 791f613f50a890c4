"""Looks into a finished image and tells, check by check, whether a cloud may have it."""
