# SPDX-License-Identifier: GPL-2.0-or-later
"""The stand-in installer: runs inside the guest, from the initramfs of the ISO that ``media`` builds.

It is not Anaconda. It reads a kickstart with the real pykickstart parser (which is why this package alone is
GPL-2.0-or-later) and carries out the commands that our kickstarts use, with Anaconda's console texts and endings.
Nothing else in Goldsmith imports it. docs/standin-installer.md tells what it does and does not do.
"""
