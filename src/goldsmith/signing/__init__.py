"""Signatures of images as Glance and Nova check them: keys, certificates, values, and who vouches for whom."""
