"""Which forms a template uses, told from templates as models carry them."""

import pytest

from locara.inference.backend import Message, PastCall, ToolOffer
from locara.inference.markers import BARE, LISTED, TAGGED, call_syntax, markers, think_markers
from locara.inference.template import ChatTemplate

# ruff: noqa: E501  (templates stand as models carry them)
QWEN = """{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}\
{{- "# Tools\\n\\n<tools>" }}{%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}\
{{- "\\n</tools>\\n\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call><|im_end|>\\n" }}{%- endif %}\
{%- for message in messages %}{%- if message.role == "user" %}{{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}\
{%- elif message.role == "assistant" %}{%- set content = message.content %}{%- if '</think>' in content %}\
{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}{{- '<|im_start|>assistant\\n' + content }}\
{%- if message.tool_calls %}{%- for tool_call in message.tool_calls %}{%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}\
{{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}{%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}\
{{- tool_call.arguments | tojson }}{%- endif %}{{- '}\\n</tool_call>' }}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}\
{%- elif message.role == "tool" %}{%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}\
{{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}{%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}{%- endif %}{%- endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"""
MISTRAL = """{%- if not tools is defined %}{%- set tools = none %}{%- endif %}{{- bos_token }}{%- for message in messages %}{%- if message["role"] == "user" %}\
{%- if tools is not none and loop.first %}{{- "[AVAILABLE_TOOLS] [" }}{%- for tool in tools %}{%- set tool = tool.function %}{{- '{"type": "function", "function": {' }}\
{%- for key, val in tool.items() if key != "return" %}{%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}\
{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}{{- "}}" }}{%- endfor %}{{- "][/AVAILABLE_TOOLS]" }}{%- endif %}{{- "[INST] " + message["content"] + "[/INST]" }}\
{%- elif message.tool_calls is defined and message.tool_calls is not none %}{{- "[TOOL_CALLS] [" }}{%- for tool_call in message.tool_calls %}{%- set out = tool_call.function|tojson %}{{- out[:-1] }}\
{%- if not tool_call.id is defined or tool_call.id|length != 9 %}{{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}{%- endif %}\
{{- ', "id": "' + tool_call.id + '"}' }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}{%- endfor %}\
{%- elif message["role"] == "tool" %}{{- '[TOOL_RESULTS] {"content": ' + message.content|string + ", " }}{{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}{%- endif %}{%- endfor %}"""
LLAMA3 = """{%- if not tools is defined %}{%- set tools = none %}{%- endif %}{%- if tools is not none %}\
{{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.' }}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}{%- endif %}\
{%- for message in messages %}{%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}\
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}{%- elif 'tool_calls' in message %}\
{%- if not message.tool_calls|length == 1 %}{{- raise_exception("This model only supports single tool-calls at once!") }}{%- endif %}{%- set tool_call = message.tool_calls[0].function %}\
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{{- '{"name": "' + tool_call.name + '", ' }}{{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}{{- "<|eot_id|>" }}\
{%- elif message.role == "tool" or message.role == "ipython" %}{{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}{%- if message.content is mapping or message.content is iterable %}\
{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}{{- "<|eot_id|>" }}{%- endif %}{%- endfor %}"""

TOOL = ToolOffer("add", "Adds", {"type": "object", "properties": {"a": {"type": "integer"}}})
TALK = [
    Message("user", "1 + 1?"),
    Message("assistant", "", (PastCall("abcdefghi", "add", {"a": 1, "s": "ä"}),)),
    Message("tool", "2", call_id="abcdefghi"),
]


def test_forms_are_read_from_the_template() -> None:
    assert call_syntax(QWEN) is TAGGED
    assert call_syntax(MISTRAL) is LISTED
    assert call_syntax(LLAMA3) is BARE
    found = think_markers(QWEN)
    assert found is not None
    assert (found.open, found.close) == ("<think>", "</think>")
    assert think_markers(MISTRAL) is None
    assert {"<tool_response>", "</think>", "</tools>"} <= set(markers(QWEN))


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages }}",
        "<tool_call>",
        "{{ tools }}",
        "{{ tools }}<tool_call><function=x>",
        "{{ tools }}[TOOL_CALLS]x[ARGS]{}",
    ],
)
def test_a_form_that_is_not_known_is_none(source: str) -> None:
    assert call_syntax(source) is None


def test_templates_with_tools_render_within_the_allowed_means() -> None:
    qwen = ChatTemplate(QWEN).render(TALK, tools=[TOOL])
    assert (
        '{"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type"'
        in qwen
    )
    assert '<tool_call>\n{"name": "add", "arguments": {"a": 1, "s": "ä"}}\n</tool_call><|im_end|>' in qwen
    assert "<tool_response>\n2\n</tool_response>" in qwen
    mistral = ChatTemplate(MISTRAL, bos="<s>", eos="</s>").render(TALK, tools=[TOOL])
    assert '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1, "s": "ä"}, "id": "abcdefghi"}]</s>' in mistral
    assert '[TOOL_RESULTS] {"content": 2, "call_id": "abcdefghi"}[/TOOL_RESULTS]' in mistral
    llama = ChatTemplate(LLAMA3).render(TALK, tools=[TOOL])
    assert '{"name": "add", "parameters": {"a": 1, "s": "ä"}}<|eot_id|>' in llama


def test_what_is_not_asked_for_is_not_told_to_the_template() -> None:
    assert "Tools" not in ChatTemplate(QWEN).render(TALK[:1])
    assert ChatTemplate(QWEN).render(TALK[:1]).endswith("<think>\n\n</think>\n\n")
    assert ChatTemplate(QWEN).render(TALK[:1], thinking=True).endswith("assistant\n")
