"""A mail server for the tests: smtp-server.py PORT CERT KEY. One line of JSON for each letter."""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Letters:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 no such mailbox'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        letter = {
            'from': envelope.mail_from,
            'to': envelope.rcpt_tos,
            'text': envelope.content.decode('utf-8', 'replace'),
            'tls': server.transport.get_extra_info('sslcontext') is not None,
        }
        print(json.dumps(letter), flush=True)
        return '250 taken'


def authenticate(server, session, envelope, mechanism, login):
    good = login.login == b'box' and login.password == b'secret'
    return AuthResult(success=good, handled=False)


async def main(port, cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def made():
        return SMTP(
            Letters(),
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, '127.0.0.1', port)
    # TLS from the first byte on; aiosmtpd takes no password there.
    secure = await loop.create_server(lambda: SMTP(Letters()), '127.0.0.1', 0, ssl=context)
    ports = [one.sockets[0].getsockname()[1] for one in (server, secure)]
    print(json.dumps({'ready': ports[0], 'secure': ports[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
