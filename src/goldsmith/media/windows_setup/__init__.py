"""The stand-in for Windows Setup, and for what runs of Windows until Sysprep shuts it down.

It is not Windows. It runs inside the guest, from the ISO that ``windows_iso`` makes: it carries an answer file out on a
real disk with real registry hives, and interprets the batch files that Goldsmith puts beside it. Nothing else in
Goldsmith imports it. docs/standin-windows.md tells what it does and does not do.
"""
