"""Talks to listeners that the test opened on this machine: TCP, UDP, IPv6, a named and an abstract socket."""

from __future__ import annotations

import socket

from attack import TARGETS, attempt, generator_that, require


def attack() -> None:
    attempt("TCP", lambda: socket.create_connection(("127.0.0.1", TARGETS["tcp"]), 1).send(b"truth"))
    attempt("TCP over IPv6", lambda: socket.create_connection(("::1", TARGETS["tcp6"]), 1).send(b"truth"))
    attempt("UDP", datagram)
    attempt("abstract socket", lambda: unix_connect("\0" + TARGETS["abstract"]))
    attempt("named socket", lambda: unix_connect(TARGETS["named"]))
    attempt("name service", lambda: socket.getaddrinfo("example.org", 443))


def datagram() -> int:
    """A datagram to nobody is no success: the test looks whether anything arrived."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", TARGETS["udp"]))
        sender.send(b"truth")
        sender.settimeout(0.5)
        return require(sender.recv(9))


def unix_connect(name: str) -> int:
    with socket.socket(socket.AF_UNIX) as sender:
        sender.connect(name)
        return sender.send(b"truth")


make_generator = generator_that(attack)
