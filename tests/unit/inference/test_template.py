# ruff: noqa: E501  (templates stand as models carry them)
"""Chat templates are hostile until shown otherwise: real ones render, gadgets and floods end in an error."""

import pytest

from locara.errors import InferenceError
from locara.inference.backend import Message
from locara.inference.template import CHATML, ChatTemplate

TALK = [
    Message("system", "Be brief."),
    Message("user", " Hello "),
    Message("assistant", "Hi"),
    Message("user", "Bye"),
]

LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' \
+ message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}\
{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}\
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
MISTRAL = """{%- if messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}\
{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}\
{%- set ns = namespace(index=0) %}{%- for message in loop_messages %}\
{%- if (message["role"] == "user") != (ns.index % 2 == 0) %}\
{{- raise_exception("roles must alternate user/assistant") }}{%- endif %}{%- set ns.index = ns.index + 1 %}{%- endfor %}\
{{- bos_token }}{%- for message in loop_messages %}{%- if message["role"] == "user" %}\
{%- if loop.last and system_message is defined %}{{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}\
{%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}\
{%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + eos_token}}{%- endif %}{%- endfor %}"""
QWEN = """{%- if tools %}{{- tools | tojson }}{%- else %}{%- if messages[0]['role'] == 'system' %}\
{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}{%- endif %}{%- endif %}\
{%- for message in messages %}{%- if (message.role == "user") or (message.role == "system" and not loop.first) or \
(message.role == "assistant" and not message.tool_calls) %}\
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>' ~ '\n' }}{%- endif %}{%- endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
MACRO = """{% macro turn(m) %}<{{ m.role }}>{{ m.content.strip() }}</{{ m.role }}>{% endmacro %}\
{% for m in messages %}{{ turn(m) }}{% if m.content.startswith('H') and not loop.last %}!{% endif %}{% endfor %}"""


def test_chatml() -> None:
    assert ChatTemplate(CHATML).render(TALK[:2]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hello <|im_end|>\n<|im_start|>assistant\n"
    )


def test_templates_as_models_carry_them() -> None:
    assert ChatTemplate(LLAMA3, bos="<B>").render(TALK[:2]) == (
        "<B><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert ChatTemplate(MISTRAL, bos="<s>", eos="</s>").render(TALK) == (
        "<s>[INST]  Hello [/INST] Hi</s>[INST] Be brief.\n\nBye[/INST]"
    )
    assert ChatTemplate(QWEN).render(TALK).count("<|im_start|>") == 5
    assert ChatTemplate(MACRO).render(TALK[2:]) == "<assistant>Hi</assistant>!<user>Bye</user>"


def test_a_template_may_refuse_a_conversation_and_says_why() -> None:
    with pytest.raises(InferenceError) as caught:
        ChatTemplate(MISTRAL).render([TALK[1], TALK[1]])
    assert caught.value.code == "bad_request"
    assert "alternate" in caught.value.message


def test_content_is_data_and_not_template() -> None:
    hostile = "{{ 7 * 7 }}{% raise %}{# x"
    assert hostile in ChatTemplate(CHATML).render([Message("user", hostile)])


GADGETS = [
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.__class__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__ }}",
    "{{ ''['__cl' + 'ass__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{0.__class__}'.format_map({'0': 1}) }}",
    "{{ '%s' % messages }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:1000000}'.format('x')|length }}",
    "{{ '{a:1000000}'.format_map({'a': 'x'})|length }}",
    "{{ 'x'.center(1000000000) }}",
    "{{ 'x'.ljust(1000000000) }}",
    "{{ 'x'.replace('', 'y') }}",
    "{{ 'x'.encode() }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update({'role': 'x'}) }}",
    "{{ messages|map('upper')|list }}",
    "{{ 'x'|center(1000000000) }}",
    "{{ ('x'|list).append }}",
    "{% include 'other' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import path %}{{ path }}",
    "{% extends 'base' %}",
    "{{ messages }}",
    "{{ range }}",
    "{{ namespace }}",
    "{{ loop.__class__ }}",
    "{% for a in messages %}{{ loop.__init__ }}{% endfor %}",
    "{{ dict(a=1) }}",
    "{{ joiner() }}",
]
FLOODS = [
    "{{ 'a' * 1000000000 }}",
    "{{ 2 ** 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{% set n = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "{% set n = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|tojson }}",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|string }}",
    "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|join }}",
    "{% set n = namespace(s=['a']) %}{% for i in range(60) %}{% set n.s = [n.s|join, n.s|join] %}{% endfor %}",
    "{% for i in range(99999999) %}{% endfor %}",
    "{{ range(99999999)|list }}",
    "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(90) }}",
    "{% for i in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
]


@pytest.mark.parametrize("source", [*GADGETS, *FLOODS])
def test_gadgets_and_floods_end_in_an_error_and_show_nothing(source: str) -> None:
    for wrapped in (source, "{% if messages %}" + source + "{% endif %}"):
        try:
            shown = ChatTemplate(wrapped).render(TALK)
        except InferenceError as error:
            assert error.code == "model_error"
        else:
            # Undefined things print as nothing: harmless, and no object ever shows.
            assert shown == "", shown


@pytest.mark.parametrize(
    "source",
    [
        "{{",
        "{% for %}",
        "{% endfor %}",
        "x" * 65_537,
        "{{ (" * 3000,
        "{% if 1 %}" * 200,
        "{{ 1" + "+1" * 20_000 + " }}",
    ],
)
def test_broken_and_huge_sources_are_refused(source: str) -> None:
    try:
        rendered = ChatTemplate(source).render(TALK)
    except InferenceError as error:
        assert error.code == "model_error"
    else:
        assert rendered.isdigit()


@pytest.mark.parametrize(("turns", "code"), [(62, "ok"), (63, "model_error"), (900, "model_error")])
def test_json_is_nested_only_so_deep(turns: int, code: str) -> None:
    grown = f"{{% for i in range({turns}) %}}{{% set n.s = [n.s] %}}{{% endfor %}}"
    template = ChatTemplate(f"{{% set n = namespace(s=[{{'a': 'x'}}]) %}}{grown}{{{{ n.s|tojson }}}}")
    try:
        assert template.render(TALK) == "[" * (turns + 1) + '{"a": "x"}' + "]" * (turns + 1)
        found = "ok"
    except InferenceError as error:
        found = error.code
    assert found == code


def test_json_is_paid_for_before_it_is_written() -> None:
    fine = "{% set n = namespace(s=[1]) %}{% for i in range(TURNS) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s|tojson }}"
    assert len(ChatTemplate(fine.replace("TURNS", "17")).render(TALK)) == 3 * 2**17
    with pytest.raises(InferenceError):
        ChatTemplate(fine.replace("TURNS", "18")).render(TALK)


def test_a_long_conversation_fits_the_budget() -> None:
    talk = [Message("user" if i % 2 == 0 else "assistant", "word " * 2000) for i in range(255)]
    for source in (CHATML, LLAMA3, MISTRAL, QWEN):
        assert len(ChatTemplate(source).render(talk)) > 2_000_000


def test_two_renderings_do_not_share_a_budget() -> None:
    template = ChatTemplate("{% for i in range(900) %}{{ i }}{% endfor %}")
    first = template.render(TALK)
    assert [template.render(TALK) for _ in range(300)] == [first] * 300
