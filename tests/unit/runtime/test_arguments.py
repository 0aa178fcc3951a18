"""What a command may annotate, and that its arguments are judged as pydantic judges them."""

import ast
import importlib.util
import re
import string
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic import Field as ModelField
from pydantic import JsonValue as ModelJson
from pydantic.alias_generators import to_camel
from pydantic_core import ValidationError

from locara.runtime.arguments import Args, Field, JsonValue, NoArgs, camel, checked
from locara.runtime.arguments_model import as_pydantic
from locara.runtime.commands import registered


def of(annotation: Any, **more: Any) -> type[Args]:
    """Arguments with one field, called value."""
    return made(value=annotation, _space=more)


def made(*, _space: Any = None, _bases: Any = (Args,), **annotations: Any) -> type[Args]:
    return type("Wanted", _bases, {"__annotations__": annotations, "__module__": __name__, **(_space or {})})


def judged(args: type[Args], value: Any) -> tuple[str, Any]:
    """What becomes of a call: its values, or what is wrong with them; twice the same, and so says the model."""
    found = _judged(checked, args, value)
    assert found == _judged(lambda args, value: as_pydantic(args).model_validate(value), args, value)
    return found


def _judged(judge: Any, args: type[Args], value: Any) -> tuple[str, Any]:
    try:
        return "accepted", repr(plain(judge(args, value)))
    except ValidationError as error:
        wrong = [
            (each["type"], each["loc"], each["msg"], each["input"])
            for each in error.errors(include_url=False, include_context=False)
        ]
        return "refused", (str(error), repr(wrong))


def plain(value: Any) -> Any:
    if isinstance(value, Args | BaseModel):
        assert value.__pydantic_extra__ is None
        fields = {name: plain(each) for name, each in value.__dict__.items()}
        return type(value).__name__, fields, sorted(value.__pydantic_fields_set__)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


class Point(Args):
    """A part of other arguments."""

    x: int
    far_away: Annotated[bool, Field(alias="far")] = False


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (str, ["", "a", "\0", "é" * 9], [1, True, None, b"a", ["a"]]),
        (int, [0, -1, 2**70], [True, 1.0, "1", None]),
        (float, [0.5, 1, -(2**40)], [True, "1", None, [1.0]]),
        (bool, [True, False], [0, 1, "true", None]),
        (Any, [None, 1, "a", [{"a": [None]}]], []),
        (JsonValue, [None, 1, 1.5, True, "a", [{"a": [None, {}]}]], [b"a", [b"a"], {1: 2}, (1,), {"a": {"b": {3}}}]),
        (Literal["a", "b"], ["a", "b"], ["A", "", 1, None, "ab"]),
        (Optional[int], [None, 3], ["3", 1.5]),  # noqa: UP045 - that spelling too
        (int | None, [None, 3], ["3", False]),
        (list[str], [[], ["a"]], ["a", [1], None, ("a",), {}]),
        (list[list[int]], [[], [[]], [[1], [2, 3]]], [[1], [["a"]], [None]]),
        (dict[str, int], [{}, {"a": 1}], [[], {"a": "1"}, {1: 1}, None]),
        (dict[str, Any], [{}, {"a": object}], [[], {1: 1}]),
        (dict[str, JsonValue] | list[JsonValue] | None, [None, [], {}, [1, {"a": 2}]], ["a", 1, [b""], {"a": b""}]),
        (Point, [{"x": 1}, {"x": 1, "far": True}], [{}, {"x": "1"}, {"x": 1, "y": 2}, {"x": 1, "farAway": True}, None]),
        (list[Point], [[], [{"x": 1}]], [{"x": 1}, [{"x": 1}, {}]]),
        (Literal["a"] | Point, ["a", {"x": 1}], ["b", {}, None]),
        (Point | list[Point], [{"x": 1}, [{"x": 1}]], ["b", {}, None, [{}], {"x": 1, "y": 2}]),
        (Annotated[int, Field(ge=2, le=4)], [2, 3, 4], [1, 5, "3", 3.0]),
        (Annotated[float, Field(ge=0, le=1.5)], [0, 0.0, 1.5, 1], [-0.1, 1.6, 2]),
        (Annotated[int | None, Field(ge=2, le=4)], [2, 4, None], [1, 5]),
        (Annotated[str, Field(min_length=2, max_length=4)], ["ab", "abcd", "éé"], ["a", "abcde", 12]),
        (Annotated[str | None, Field(max_length=2)], ["ab", None], ["abc"]),
        (Annotated[str, Field(pattern="^[a-z]{2,3}$")], ["ab", "abc"], ["a", "abcd", "AB", "ab\n"]),
        (Annotated[list[int], Field(min_length=1, max_length=2)], [[1], [1, 2]], [[], [1, 2, 3]]),
        (Annotated[dict[str, int], Field(min_length=1, max_length=1)], [{"a": 1}], [{}, {"a": 1, "b": 2}]),
        (list[Annotated[str, Field(min_length=1)]], [["a"], []], [[""]]),
        (Annotated[Annotated[str, Field(min_length=1)], Field(max_length=2)], ["a", "ab"], ["", "abc"]),
        (Annotated[Annotated[str, Field(min_length=1)] | None, Field(max_length=2)], ["a", "ab", None], ["", "abc"]),
    ],
)  # fmt: skip
def test_what_may_be_annotated(annotation: Any, right: list[Any], wrong: list[Any]) -> None:
    args = of(annotation)
    for value in right:
        assert judged(args, {"value": value})[0] == "accepted", value
    for value in wrong:
        assert judged(args, {"value": value})[0] == "refused", value
    for others in ({}, {"value": right[0], "more": 1}, {"Value": right[0]}, [], None, "value", 3):
        assert judged(args, others)[0] == "refused", others


@pytest.mark.parametrize(
    "annotation",
    [
        bytes, object, None, list, dict, set[str], tuple[int, ...], dict[int, str], dict[Any, str], frozenset[str],
        complex, type, type[str], Literal[1], Literal["a", 1], Literal[b"a"], Literal[True], Path, BaseModel,
        re.Pattern, list[bytes], dict[str, bytes], int | bytes, list[set[str]], Annotated[str, "a note"],
        int | list[object], Annotated[str, AfterValidator(str.lower)], Annotated[str, StringConstraints(max_length=2)],
        Annotated[str, ModelField(max_length=2)], Annotated[str, Field(max_length=2), str], list[Annotated[str, "a"]],
    ],
)  # fmt: skip
def test_another_annotation_is_refused_before_any_call(annotation: Any) -> None:
    for use in (lambda args: checked(args, {"value": 1}), as_pydantic, lambda args: args(value=1)):
        with pytest.raises(TypeError):
            use(of(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, Field(ge=1)], Annotated[str, Field(le=1)], Annotated[int, Field(min_length=1)],
        Annotated[int, Field(max_length=1)], Annotated[int, Field(pattern="a")], Annotated[bool, Field(ge=0)],
        Annotated[list[str], Field(pattern="a")], Annotated[list[str], Field(ge=1)], Annotated[Any, Field(ge=1)],
        Annotated[JsonValue, Field(max_length=1)], Annotated[Literal["a"], Field(max_length=1)],
        Annotated[Point, Field(max_length=1)], Annotated[int | str, Field(ge=1)],
        Annotated[Annotated[str, Field(max_length=1)], Field(max_length=1)],
        Annotated[str, Field(max_length=1), Field(max_length=2)],
        Annotated[Annotated[str, Field(max_length=1)] | None, Field(max_length=2)],
        list[Annotated[str, Field(default="a")]], list[Annotated[str, Field(alias="a")]],
        Annotated[str, Field(default_factory=list)] | None,
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_its_annotation_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError):
        checked(of(annotation), {"value": 1})


class Plain:
    other: int


@pytest.mark.parametrize(
    "args",
    [
        of(list[str], value=[]), of(dict[str, Any], value={}), of(Any, value=Point(x=1)),
        of(Annotated[int, Field(default=1)], value=2), of(Annotated[int, Field(default=1)], value=Field(default=2)),
        of(int, value=Field(default=1, default_factory=int)),
        of(Annotated[str, Field(max_length=1)], value=Field(max_length=1)),
        of(int, other=3), of(int, judge=lambda _self: None), of(int, _other=3), of(int, __init__=lambda _self: None),
        of(int, fixed=property(lambda _self: None)), of(int, Inner=int),
        made(_hidden=int), made(__hidden=int), made(two__words=int), made(trailing_=int), made(Upper=int),
        made(camelCase=int), made(with_1=int), made(é=int), made(_hidden=Annotated[int, Field(alias="a")]),
        made(a_b=int, other=Annotated[int, Field(alias="aB")]),
        made(_bases=(Plain, Args), value=int), made(_bases=(Args, Plain), value=int),
        made(_bases=(of(int),), _space={"value": 3}),
    ],
)  # fmt: skip
def test_a_class_is_refused_that_would_not_say_what_is_judged(args: type[Args]) -> None:
    for use in (lambda: checked(args, {"value": 1}), lambda: as_pydantic(args)):
        with pytest.raises(TypeError):
            use()


class Self(Args):
    again: "list[Self]"


def test_arguments_that_hold_themselves_are_refused() -> None:
    with pytest.raises(TypeError, match="Self holds itself"):
        checked(Self, {"again": []})


def test_defaults_are_those_of_the_class_and_made_anew() -> None:
    args = made(
        size=int, names=list[str], mode=Annotated[str, Field(max_length=3)],
        kinds=Annotated[list[str], Field(default_factory=list)],
        _space={"size": 3, "names": Field(default_factory=lambda: ["a"]), "mode": Field(default="longer than that")},
    )  # fmt: skip
    first, second = checked(args, {}), checked(args, {"size": 4, "mode": "b"})
    assert vars(first) == {"size": 3, "names": ["a"], "mode": "longer than that", "kinds": []}
    assert vars(second) == {"size": 4, "names": ["a"], "mode": "b", "kinds": []}
    first.names.append("b")  # type: ignore[attr-defined]
    assert vars(checked(args, {}))["names"] == ["a"]
    for value in ({}, {"size": "3"}, {"names": None}, {"mode": "abcd"}, {"size": 4, "kinds": ["a"]}):
        judged(args, value)


def test_arguments_are_made_by_the_names_of_the_fields_and_then_stay() -> None:
    class Wanted(Args):
        long_name: int
        part: Point | None = None

    one = Wanted(long_name=3, part=Point(x=1, far_away=True))
    assert one == checked(Wanted, {"longName": 3, "part": {"x": 1, "far": True}})
    assert one != checked(Wanted, {"longName": 3})
    assert one != Point(x=1)
    assert (one.long_name, one.part) == (3, Point(x=1, far_away=True))
    for wrong in ({"longName": 3}, {"long_name": "3"}, {}, {"long_name": 3, "more": 1}):
        with pytest.raises(ValidationError):
            Wanted(**wrong)
    with pytest.raises(FrozenInstanceError):
        one.long_name = 4
    with pytest.raises(FrozenInstanceError):
        del one.long_name
    with pytest.raises(TypeError):
        hash(one)
    assert "3" not in re.sub("0x[0-9a-f]+", "", repr(one))
    assert one.long_name == 3


class Place(Args):
    root: str
    path: Annotated[str, Field(max_length=3)]


class How(Args):
    """How."""

    way_of_it: Literal["a", "b"] = "a"
    dpi: Annotated[int | None, Field(ge=36)] = None


class Both(Place, How):
    """Both."""

    path: str = "there"
    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None
    points: Annotated[list[Point], Field(min_length=1)] = Field(default_factory=lambda: [Point(x=1)])


STRICT = ConfigDict(
    strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, alias_generator=to_camel
)


class ModelPoint(BaseModel):
    """A part of other arguments."""

    model_config = {**STRICT, "title": "Point"}
    x: int
    far_away: Annotated[bool, ModelField(alias="far")] = False


class ModelPlace(BaseModel):
    model_config = STRICT
    root: str
    path: Annotated[str, ModelField(max_length=3)]


class ModelHow(BaseModel):
    """How."""

    model_config = STRICT
    way_of_it: Literal["a", "b"] = "a"
    dpi: Annotated[int | None, ModelField(ge=36)] = None


class ModelBoth(ModelPlace, ModelHow):
    """Both."""

    model_config = {"title": "Both"}
    path: str = "there"
    schema_: Annotated[dict[str, ModelJson] | None, ModelField(alias="schema")] = None
    points: Annotated[list[ModelPoint], ModelField(min_length=1)] = ModelField(
        default_factory=lambda: [ModelPoint(x=1)]
    )


def test_what_is_inherited_is_judged_as_in_pydantic() -> None:
    schema = as_pydantic(Both).model_json_schema(by_alias=True)
    assert str(schema) == str(ModelBoth.model_json_schema(by_alias=True)).replace("ModelPoint", "Point")
    values: list[Any] = [
        {}, {"root": "r"}, {"root": "r", "path": "longer"}, {"root": "r", "dpi": 35, "more": 1, "wayOfIt": "c"},
        {"root": 1, "path": 2, "schema": {"a": b""}, "points": [], "dpi": 36}, {"root": "r", "way_of_it": "a"},
        {"root": "r", "points": [{"x": 1, "y": 2}, {}]}, {"root": "r", "schema_": {}}, None, [],
    ]  # fmt: skip
    for value in values:
        kind, found = judged(Both, value)
        other, wanted = _judged(lambda _args, value: ModelBoth.model_validate(value), Both, value)
        assert (kind, str(found)) == (
            other,
            str(wanted).replace("ModelPoint", "Point").replace("ModelBoth", "Both"),
        )


@given(st.text(string.ascii_letters + string.digits + "_é", max_size=12).filter(str.isidentifier))
def test_a_name_on_the_wire_is_the_one_of_pydantic_or_refused(name: str) -> None:
    if re.fullmatch("[a-z]+(_[a-z]+)*", name):
        assert camel(name) == to_camel(name)
    else:
        with pytest.raises(TypeError):
            camel(name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def written(schema: Any, root: Any, *, stray: bool) -> st.SearchStrategy[Any]:
    """What a schema allows; with stray, now and then something that it does not."""
    fitting = _written(schema, root, stray=stray)
    if not stray:
        return fitting
    return st.integers(0, 11).flatmap(lambda place: fitting if place else JSON)


def _written(schema: Any, root: Any, *, stray: bool) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _written(root["$defs"][schema["$ref"].rpartition("/")[2]], root, stray=stray)
    if "anyOf" in schema:
        return st.one_of([written(part, root, stray=stray) for part in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "object" if "properties" in schema or schema.get("additionalProperties") is False:
            return _object(schema, root, stray=stray)
        case "object":
            more = schema.get("additionalProperties", {})
            inner = JSON if more is True else written(more, root, stray=stray)
            return st.dictionaries(st.text(max_size=4), inner, max_size=3)
        case "array":
            inner = written(schema["items"], root, stray=stray)
            least, most = _edges(schema, "minItems", "maxItems", default=(0, 3), stray=stray)
            return st.lists(inner, min_size=max(0, least), max_size=most)
        case "string" if "pattern" in schema:
            fitting = st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=string.ascii_lowercase)
            return fitting | st.text(max_size=4) if stray else fitting
        case "string":
            least, most = _edges(schema, "minLength", "maxLength", default=(0, 9), stray=stray)
            ends = {max(0, least), min(max(0, least) + 1, most), most}
            return st.sampled_from(sorted(ends)).map(lambda length: "é" * length) | st.text(
                min_size=max(0, least), max_size=min(most, 9) if most >= 9 else most
            )
        case "integer":
            least, most = _edges(schema, "minimum", "maximum", default=(-(2**65), 2**65), stray=stray)
            return st.integers(least, most) | st.sampled_from([least, most])
        case "number":
            return st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return JSON


def _edges(schema: Any, least: str, most: str, *, default: tuple[int, int], stray: bool) -> tuple[int, int]:
    """The bounds, or one beyond each of them."""
    low = schema.get(least, default[0])
    high = schema.get(most, max(low, default[1]))
    return (low - 1, high + 1) if stray else (low, high)


def _object(schema: Any, root: Any, *, stray: bool) -> st.SearchStrategy[Any]:
    fields = {name: written(part, root, stray=stray) for name, part in schema["properties"].items()}
    needed = schema.get("required", [])
    whole = st.fixed_dictionaries(
        {name: fields[name] for name in needed},
        optional={name: part for name, part in fields.items() if name not in needed},
    )
    if not stray:
        return whole
    partly = st.fixed_dictionaries({}, optional=fields)
    names = st.sampled_from(["madeUp", "", *(re.sub("([A-Z])", r"_\1", name).lower() for name in fields)])
    wider = st.builds(lambda value, more: value | more, whole, st.dictionaries(names, JSON, max_size=2))
    return st.integers(0, 5).flatmap(lambda place: {0: partly, 1: wider}.get(place, whole))


@pytest.mark.parametrize("name", sorted(registered()))
@pytest.mark.parametrize("stray", [False, True], ids=["as-its-schema-says", "otherwise"])
def test_every_command_takes_what_pydantic_would_take_for_it(name: str, stray: bool) -> None:
    args = registered()[name].args
    schema = as_pydantic(args).model_json_schema(by_alias=True)

    @settings(max_examples=25, deadline=None, database=None)
    @given(written(schema, schema, stray=stray))
    def law(value: Any) -> None:
        kind, _ = judged(args, value)
        assert stray or kind == "accepted"

    law()


COMMANDS = Path(str(importlib.util.find_spec("locara.runtime.commands").origin)).parent  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "file",
    [
        *sorted(COMMANDS.glob("*.py")),
        *(COMMANDS.parent / f"{name}.py" for name in ("arguments", "argument_schemas", "replies")),
    ],
    ids=lambda file: file.stem,
)  # fmt: skip
def test_nothing_of_a_command_names_pydantic(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert not any(name == "pydantic" or name.startswith("pydantic.") for name in names)
        assert "locara.runtime.arguments_model" not in names


def _run(program: str) -> None:
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", path + program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_arguments_are_declared_without_the_core_and_judged_without_pydantic() -> None:
    _run("""
from locara.runtime.arguments import Args, Field, checked
import locara.runtime.replies
class Wanted(Args):
    size: int
assert not any(name.startswith("pydantic") for name in sys.modules)
assert checked(Wanted, {"size": 3}).size == 3
try:
    checked(Wanted, {"size": "3"})
except Exception as error:
    assert locara.runtime.replies.error_object(error)["message"] == "size: Input should be a valid integer"
assert "pydantic_core" in sys.modules
assert "pydantic" not in sys.modules
print("done")
""")


def test_no_call_of_any_command_loads_pydantic() -> None:
    _run("""
from locara.runtime.commands import registered
from locara.runtime.replies import error_object
commands = registered().values()
for name in [name for name in sys.modules if name.split(".")[0] == "pydantic"]:
    del sys.modules[name]
sys.modules["pydantic"] = None  # who imports it fails
for command in commands:
    try:
        command.checked({"madeUp": 1})
    except Exception as error:
        assert "an argument that this command does not have" in error_object(error)["message"]
        continue
    raise AssertionError(command.name)
print("done")
""")


def test_a_command_without_arguments_takes_none() -> None:
    assert judged(NoArgs, {})[0] == "accepted"
    assert judged(NoArgs, {"a": 1})[0] == "refused"
