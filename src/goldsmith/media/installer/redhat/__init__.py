# SPDX-License-Identifier: GPL-2.0-or-later
"""What makes the stand-in's guest look and act like RHEL: its files, its package list, its commands.

The installer lays it on top of the payload where the medium stands in for RHEL. The commands then run in the guest,
on the payload's Python; they know nothing of the rest of Goldsmith.
"""
