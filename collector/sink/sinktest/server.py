# A mail server for tests, on Debian's python3-aiosmtpd: one JSON line for each
# mail on standard output.
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, security, cert, key = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
exclude = []
if security == "login":  # starttls without AUTH PLAIN
    security, exclude = "starttls", ["PLAIN"]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None or security == "tls",
            "user": session.auth_data.login.decode() if session.auth_data else "",
            "data": envelope.original_content.decode("latin-1"),
        }), flush=True)
        return "250 2.0.0 taken"


def check(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"weir" and data.password == b"s3cret"
    return AuthResult(success=good, handled=False, auth_data=data)


async def main():
    context = None
    if security != "off":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)

    def factory():
        if security == "off":
            return SMTP(Handler(), hostname="localhost")
        return SMTP(Handler(), hostname="localhost", authenticator=check, auth_required=True, auth_exclude_mechanism=exclude,
                    auth_require_tls=security == "starttls", require_starttls=security == "starttls",
                    tls_context=context if security == "starttls" else None)

    server = await asyncio.get_running_loop().create_server(
        factory, "127.0.0.1", port, ssl=context if security == "tls" else None)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
