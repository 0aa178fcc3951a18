"""LC302 behind the tunnel: net.fetch speaks to the host that it asked for, by its certificate, and takes no more than
it was told to."""

from __future__ import annotations

import secrets
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller, caller
from locara_verify.checks.network.ground import Server, answer, servers
from locara_verify.context import Context

RULE: Final = "LC302"
NAME: Final = "certificates"
HOST: Final = "a.granted.example"
WITHOUT: Final = "b.granted.example"
_MORE: Final = 300_000


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Servers with certificates of somebody else, of another host, of yesterday and none; then answers without end."""
    tally = Tally()
    with (
        servers(ctx.fresh_dir("servers"), HOST) as ((good,), authority),
        servers(ctx.fresh_dir("stranger"), HOST) as ((stranger,), _),
        servers(ctx.fresh_dir("ended"), HOST, ended=True) as ((ended,), ended_authority),
    ):
        hosts = {HOST: good, WITHOUT: good}
        with caller(ctx, hosts, authority, list(hosts)) as one:
            _speaks(tally, one, good, HOST, trusted=True)
            _speaks(tally, one, good, WITHOUT, trusted=False)
            hosts[HOST] = stranger
            _speaks(tally, one, stranger, HOST, trusted=False)
            hosts[HOST] = good
            _takes(tally, one, good)
        with caller(ctx, {HOST: ended}, ended_authority, [HOST]) as one:
            _speaks(tally, one, ended, HOST, trusted=False)
    return tally.result()


def _speaks(tally: Tally, one: Caller, server: Server, host: str, *, trusted: bool) -> None:
    word = f"Bearer {secrets.token_hex(16)}"
    server.seen.clear()
    code = one.call(url=f"https://{host}/", headers={"Authorization": word})
    tally.attacks += 1
    came = any(word.encode() in request for request in server.seen)
    if trusted:
        if code or not came:
            tally.undecided(
                RULE, f"the allow twin failed: a host with a good certificate is not reached ({code})"
            )
        return
    because = f"{host}: {code or 'answered'}; {len(server.seen)} requests came"
    held = not came and not server.seen and code == "io_error"
    tally.expect(RULE, held, "a request went to whoever answers for a host", because)


def _takes(tally: Tally, one: Caller, server: Server) -> None:
    """Bodies of more than the app wants, whatever the server says of their length; and a call that was cancelled."""
    url = f"https://{HOST}/"
    longer = answer(200, body=bytes(_MORE))
    untold = longer.replace(f"Content-Length: {_MORE}\r\n".encode(), b"")
    for told in (longer, untold):
        server.answers = lambda _request, told=told: told  # type: ignore[misc]
        for most in (1, 1_000, _MORE - 1):
            code, found = one.told(url=url, maxBytes=most)
            because = f"{code or 'answered'} with {len(found.get('body', ''))} characters of base64"
            tally.attacks += 1
            tally.expect(
                RULE, code == "too_large", f"more than {most} bytes of an answer were taken", because
            )
        if one.told(url=url, maxBytes=_MORE)[0]:
            tally.undecided(RULE, "the allow twin failed: an answer that fits is not taken")
        tally.attacks += 1
        code = one.told(url=url, cancelled=True, maxBytes=_MORE)[0]
        tally.expect(RULE, code == "cancelled", "a cancelled call took its answer in", code or "answered")
