"""Who is told of alerts, in the tests: an HTTP receiver that does what a script says, and a mail server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiohttp import web

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@dataclass
class Receiver:
    """An HTTP server of somebody's that takes web hooks."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """The status of each answer; 0: none ever comes. After the last, 204."""
    headers: dict[str, str] = field(default_factory=dict)
    """With each answer."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Of each request the headers and the body."""
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.told.set()
        status = self.answers.pop(0) if self.answers else 204
        if status == 0:
            await asyncio.Event().wait()
        return web.Response(status=status, headers=self.headers)

    async def until(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(60):
            while len(self.got) < count:
                self.told.clear()
                await self.told.wait()


@contextlib.asynccontextmanager
async def receiver(*answers: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    made = Receiver(answers=list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@dataclass
class MailServer:
    """A server that speaks as much of SMTP (RFC 5321, STARTTLS of RFC 3207, AUTH of RFC 4954) as a client asks for."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    accounts: dict[str, str] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)
    """What is said instead to a command that begins so."""
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logged_in: list[str] = field(default_factory=list)
    talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.talks.add(task)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError
            ):
                await self._talk(reader, writer)
        finally:
            writer.transport.abort()
            self.talks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure, sender, recipients = writer.get_extra_info("ssl_object") is not None, "", list[str]()
        writer.write(b"220 mail.test ESMTP\r\n")
        while line := (await reader.readuntil(b"\r\n")).decode().strip():
            command = line.upper()
            said = next((text for begin, text in self.replies.items() if command.startswith(begin.upper())), "")
            if said == "nothing":
                await asyncio.Event().wait()
            elif said:
                writer.write(f"{said}\r\n".encode())
            elif command.startswith("EHLO"):
                offers = ["STARTTLS"] * (self.tls is not None and not secure) + ["AUTH PLAIN"] * bool(self.accounts)
                for offer in ["mail.test", *offers]:
                    writer.write(f"250-{offer}\r\n".encode())
                writer.write(b"250 8BITMIME\r\n")
            elif command == "STARTTLS":
                writer.write(b"220 go ahead\r\n")
                await writer.start_tls(self.tls)
                secure = True
            elif command.startswith("AUTH PLAIN"):
                _, name, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = self.accounts.get(name) == password
                self.logged_in += [name] * known
                writer.write(b"235 welcome\r\n" if known else b"535 who are you\r\n")
            elif command.startswith("MAIL FROM:"):
                sender, recipients = line[10:].split(">")[0].strip("< "), []
                writer.write(b"250 OK\r\n")
            elif command.startswith("RCPT TO:"):
                recipients.append(line[8:].split(">")[0].strip("< "))
                writer.write(b"250 OK\r\n")
            elif command == "DATA":
                writer.write(b"354 go on\r\n")
                raw = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                message = email.message_from_bytes(raw, policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                self.mails.append(message)
                self.envelopes.append((sender, recipients))
                self.encrypted.append(secure)
                writer.write(b"250 taken\r\n")
            elif command == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")


@contextlib.asynccontextmanager
async def mail_server(*, tls: ssl.SSLContext | None = None, at_once: bool = False) -> AsyncIterator[MailServer]:
    """`at_once`: TLS from the first byte on, instead of STARTTLS."""
    made = MailServer(tls=None if at_once else tls)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls if at_once else None)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    for talk in list(made.talks):
        talk.cancel()
    await asyncio.gather(*made.talks, return_exceptions=True)
