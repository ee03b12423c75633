"""A loopback interface without pacing.

Where TCP's congestion control is BBR, loopback connections are paced by timers, at a rate that is
estimated: runs of the same server differ by a third then, and none is told apart from another. A
network namespace of our own has the kernel's defaults, and leaves the machine's as they are."""
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")


def enter(progress):
    """Moves this process, and what it will start, into one; says why not, if that can't be."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        progress(f"on the machine's own loopback ({os.strerror(ctypes.get_errno())})")
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
    if congestion_control() == "bbr":
        CONTROL.write_text("reno")


def congestion_control():
    return CONTROL.read_text().strip()
