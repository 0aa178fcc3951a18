"""LC532: chat templates out of model files: gadgets, includes, floods and broken ones, each in a model of its own."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives, talks
from locara_verify.checks.models.theatre import Theatre, theatre
from locara_verify.context import Context
from locara_verify.strategies.puppets import puppet

RULE: Final = "LC532"
NAME: Final = "hostile-templates"
QUICK: Final = 26
MOST: Final = 62  # a manifest names at most 64 models: one is the twin, and one floods
SECONDS: Final = 30.0
END: Final = "<|script-0|>"

REACHES: Final = (
    *("''.__class__.__name__", "messages.__class__.__doc__", "raise_exception.__module__", "range.__doc__"),
    *("raise_exception.__globals__['__name__']", "namespace.__module__", "(messages[0].items|string)"),
    *("''.__class__.__mro__", "messages.__class__.__base__.__subclasses__()", "raise_exception.__globals__"),
    *(
        "self.__init__.__globals__",
        "cycler.__init__.__globals__.os.environ",
        "lipsum.__globals__['os'].environ",
    ),
    *(
        "''['__cl' ~ 'ass__']",
        "''|attr('__class__')",
        "'{0.__class__}'.format(1)",
        "'{0.__init__}'.format_map({'0': self})",
    ),
    *(
        "joiner.__init__.__globals__",
        "namespace.__init__.__globals__",
        "range.__self__",
        "messages[0].__reduce__()",
    ),
    *(
        "(messages|map(attribute='__class__')|list)[0]",
        "messages|groupby('__class__')",
        "'%s'|format(self)",
        "self._TemplateReference__context",
    ),
    *(
        "g.__globals__",
        "url_for.__globals__",
        "get_flashed_messages.__globals__",
        "request.application",
        "config",
        "caller",
        "varargs",
    ),
    *(
        "messages",
        "range",
        "namespace",
        "raise_exception",
        "loop",
        "dict(a=1)",
        "messages|pprint",
        "tools|xmlattr",
        "''|escape|attr('unescape')",
    ),
)
OTHERS: Final = (
    *(
        "{% include '/app/locara.json' %}",
        "{% include '../locara.json' %}",
        "{% include 'file:///etc/passwd' %}",
    ),
    *(
        "{% import 'os' as os %}{{ os.environ }}",
        "{% from 'os' import environ %}{{ environ }}",
        "{% extends '/etc/passwd' %}",
    ),
    *(
        "{% include ['x', '/data/audit/audit.jsonl'] ignore missing %}",
        "{% import messages[0].content as m %}{{ m }}",
    ),
)
FLOODS: Final = (
    *(
        "{{ 'a' * 10 ** 10 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ range(10 ** 9)|list|length }}",
        "{{ 'x'|center(10 ** 9) }}",
    ),
    *(
        "{% for i in range(9 ** 9) %}{% endfor %}",
        "{% for i in range(999) %}{% for j in range(999) %}x{% endfor %}{% endfor %}",
    ),
    "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|tojson }}",
    "{% set n = namespace(s=['a']) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s|join }}",
    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    *(  # never shown: what it costs to make is all that there is of it
        f"{{% set n = namespace(s='xxxxxxxx') %}}{{% for i in range({turns}) %}}{{% set n.s = {grown} %}}{{% endfor %}}"
        f"{{{{ {told}|length }}}}"
        for turns, grown, told in (
            (22, "[n.s, n.s]|join", "n.s"),
            (22, "n.s ~ n.s", "n.s"),
            (22, "n.s + n.s", "n.s"),
            (22, "['', '']|join(n.s) ~ n.s", "n.s"),
            (17, "n.s ~ n.s", "[n.s, n.s, n.s]|tojson"),
            (17, "n.s ~ n.s", "['', '', '', '']|join(n.s)"),
        )
    ),
    "{% for i in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
)
GIVEN: Final = ("messages|", "(messages", "'%s'")
"""What begins like this is made of what a template is given, and may be written as JSON."""
_LONG: Final = (
    "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(13) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
)
"""A text of 65,536 letters."""
_METHODS: Final = (
    "strip()",
    "upper()",
    "lower()",
    "title()",
    "startswith('x')",
    "endswith('y')",
    "split('y')",
)
_GROWN: Final = (
    *(f"{{{{ 'x'.{method}(4000000)|length }}}}" for method in ("center", "ljust", "rjust", "zfill")),
    "{{ 'x\t'.expandtabs(4000000)|length }}",
    "{{ ('%4000000d' % 1)|length }}",
    "{{ ('%(a)4000000s' % {'a': 'x'})|length }}",
    "{{ ('%*d' % (4000000, 1))|length }}",
    "{{ '{:4000000}'.format('x')|length }}",
    "{{ '{a:4000000}'.format_map({'a': 'x'})|length }}",
    _LONG + "{{ n.s.join(['x'] + ['x'] * 64)|length }}",
    _LONG + "{% for i in range(7) %}{% set n.s = n.s.replace('x', 'xx') %}{% endfor %}{{ n.s|length }}",
)
"""Longer than a value may become, by a method of its own."""
_HEAVY: Final = "{% for i in range(400) %}{% for j in range(400) %}{% endfor %}{% endfor %}"
TOLD: Final = 400
"""Letters of a refusal: what a template says is cut."""
NOTHING_AS_JSON: Final = 2
"""Tokens of an empty text as JSON: its quotation marks."""
BROKEN: Final = (
    "{{",
    "{% for %}",
    "{% endif %}",
    "{{ (" * 2_000,
    "{% if 1 %}" * 150,
    "x" * 70_000,
    "\ud7ff{{ 1 +",
    "{% raw %}",
)
WRAPPERS: Final = (
    "{{ %s }}",
    "{{ (%s)|string }}",
    "{{ '' ~ (%s) }}",
    "{{ [%s]|join }}",
    "{%% set x = %s %%}{{ x }}",
    "{{ (%s)|tojson }}",
    "{%% for x in [%s] %%}{{ x }}{%% endfor %%}",
    "{%% if messages %%}{{ %s }}{%% endif %%}",
    "{%% macro m(a) %%}{{ a }}{%% endmacro %%}{{ m(%s) }}",
    "{%% with x = %s %%}{{ x }}{%% endwith %%}",
    "{%% filter trim %%}{{ %s }}{%% endfilter %%}",
)


def attacks(rng: random.Random) -> Iterator[str]:
    """Sources: every gadget in a wrapper chosen at random, and broken ones; OTHERS and FLOODS are always tried."""
    for reach in REACHES:
        wrapper = rng.choice(WRAPPERS)
        if "tojson" in wrapper and ("__" not in reach or reach.startswith(GIVEN)):
            wrapper = WRAPPERS[0]
        yield wrapper % reach
    yield from BROKEN


def _many_calls(method: str) -> str:
    """A method of a long text, called more often than its length allows."""
    call = f"{{% set x = n.s.{method} %}}"
    return f"{_LONG}{{% for i in range(80) %}}{{% for j in range(100) %}}{call}{{% endfor %}}{{% endfor %}}"


def _by_number(sources: Sequence[str]) -> str:
    """One template that does what the last message names by its number."""
    chosen = [*sources, f"{_LONG}{{{{ raise_exception(n.s) }}}}", _HEAVY]
    return (
        "".join(
            f"{{% {'elif' if number else 'if'} messages[-1].content == '{number}' %}}{source}"
            for number, source in enumerate(chosen)
        )
        + "{% endif %}"
    )


def asked(on: Theatre, floods: Sequence[str]) -> None:
    """Floods of one template, each of which must be refused; its refusals are short, and its budget is never saved."""

    def refused(number: int, what: str) -> None:
        said = on.ask(str(number), model="asked")
        told = f"{said.code}: {said.message}"[:200]
        on.tally.expect(
            RULE, said.code == "model_error", what, told, template=(*floods, "", _HEAVY)[number][-200:]
        )

    for number in range(len(floods)):
        refused(number, "a template made more than a value may be, or worked without paying")
    said = on.ask(str(len(floods)), model="asked")
    short = said.code == "bad_request" and len(said.message) <= TOLD
    on.tally.expect(
        RULE, short, "a template says more in a refusal than fits", f"{said.code}: {len(said.message)}"
    )
    for _ in range(4):
        if (plain := on.ask("go", model="asked")).content != "fine":
            on.tally.undecided(
                RULE, f"the allow twin failed: a template with a choice does not work ({plain.code})"
            )
    refused(len(floods) + 1, "a template spent what earlier renderings had left")


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), applies=talks)
def run(ctx: Context) -> CheckResult:
    """Each attack stands before a right template: either it is refused, or it has printed nothing at all.

    What a template prints is part of the prompt and counted there, so a gadget that shows an object, or an
    include that shows a file, is seen by its tokens.
    """
    tally, rng = Tally(), ctx.rng(NAME)
    sources = list(attacks(rng))
    most = QUICK if ctx.profile.profile == "quick" else MOST
    always = (*OTHERS, *FLOODS)
    sources = [*always, *rng.sample(sources, min(len(sources), most - len(always)))]
    named = {"twin": "", **{f"template-{number}": source for number, source in enumerate(sources)}}
    models = {
        name: puppet({"go": "fine"}, chat_template=f"{source}{{{{ messages[-1].content }}}}{END}")
        for name, source in named.items()
    }
    floods = (*_GROWN, _many_calls(rng.choice(_METHODS)))
    models["asked"] = puppet({"go": "fine"}, chat_template=_by_number(floods) + END)
    with theatre(ctx, tally, models) as on, survives(tally, RULE, on.client):
        asked(on, floods)
        twin = on.ask("go", model="twin")
        if twin.content != "fine":
            tally.undecided(
                RULE, f"the allow twin failed: a plain template does not work ({twin.code}: {twin.message})"
            )
        for number, (name, source) in enumerate(list(named.items())[1:]):
            ctx.progress(number, len(named), name)
            begin = time.monotonic()
            said = on.ask("go", model=name)
            took = time.monotonic() - begin
            plain = source in ("x" * 70_000,) or source.startswith("{% raw")
            shown = said.tokens - twin.tokens
            silent = said.code == "ok" and (shown == 0 or ("tojson" in source and shown == NOTHING_AS_JSON))
            silent = silent and not plain
            tally.expect(
                RULE,
                silent or said.code == "model_error",
                "a chat template reached out of its sandbox",
                f"{said.code}: {said.message} {said.tokens} tokens, {twin.tokens} without it",
                template=source[:300],
            )
            # Ours stop within a second; the bound is wide because machines are slow sometimes.
            tally.expect(
                RULE,
                took < SECONDS,
                "a chat template ran without end",
                f"{took:.0f} s",
                template=source[:300],
            )
    return tally.result()
