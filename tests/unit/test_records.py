"""A record is a standard dataclass in everything that one can see, and its methods are made late."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locara import records

KINDS = [(frozen, slots) for frozen in (False, True) for slots in (False, True)]


@pytest.fixture(params=[0, 8], ids=["compiled at once", "compiled late"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many records are made before the standard ``__init__`` is."""
    monkeypatch.setattr(records, "_FEW", request.param)
    return request.param


def classes(frozen: bool, slots: bool) -> list[tuple[type[Any], type[Any]]]:
    """Pairs of the same class: made by the standard decorator, and as a record."""
    pairs = []
    for decorate in (dataclasses.dataclass, records.dataclass):
        made = decorate(frozen=frozen, slots=slots)

        @made
        class Plain:
            """Three fields."""

            a: int
            b: str = "b"
            c: tuple[int, ...] = ()

        @made
        class Odd:
            a: int
            late: int = dataclasses.field(init=False, repr=False, compare=False)
            fixed: int = dataclasses.field(init=False, default=7)
            made: list[int] = dataclasses.field(default_factory=list, compare=False)
            hidden: int = dataclasses.field(default=3, repr=False, hash=False)

            def __post_init__(self) -> None:
                object.__setattr__(self, "late", self.a + 1)

        @made
        class Child(Plain):
            d: int = 4

        @made
        class Own:
            a: int

            def __repr__(self) -> str:
                return "own"

            def __eq__(self, other: object) -> bool:
                return True

            def __hash__(self) -> int:
                return 5

        @made
        class Empty:
            pass

        pairs.append((Plain, Odd, Child, Own, Empty))
    return list(zip(*pairs, strict=True))


def outcome(call: Any) -> object:
    """What a call gives or how it fails, with everything that one can see of a record."""
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    if dataclasses.is_dataclass(value):
        seen = {name: getattr(value, name, "not set") for name in type(value).__dataclass_fields__}
        return type(value).__qualname__, repr(value), seen, dataclasses.asdict(value)
    return value


@pytest.mark.parametrize(("frozen", "slots"), KINDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(args=st.lists(st.integers(0, 3), max_size=5), names=st.sets(st.sampled_from("abcd")), data=st.data())
def test_a_record_is_made_as_the_standard_one_is(few, frozen, slots, args, names, data) -> None:
    for standard, record in classes(frozen, slots):
        given_ = {name: data.draw(st.integers(0, 3)) for name in sorted(names)}
        assert outcome(lambda: standard(*args, **given_)) == outcome(lambda: record(*args, **given_))  # noqa: B023


@pytest.mark.parametrize(("frozen", "slots"), KINDS)
def test_what_can_be_looked_at_is_the_same(monkeypatch, frozen: bool, slots: bool) -> None:
    monkeypatch.setattr(records, "_FEW", 0)  # the signature is that of the compiled one
    for standard, record in classes(frozen, slots):
        outcome(lambda: record(1))  # noqa: B023
        outcome(record)
        assert inspect.signature(standard) == inspect.signature(record)
        for name in ("__slots__", "__match_args__", "__qualname__", "__module__"):
            assert getattr(standard, name, None) == getattr(record, name, None), name
        assert (standard.__hash__ is None) == (record.__hash__ is None)
        assert (standard.__dict__.get("a")) is None or slots  # a slot, else no attribute of the class
        assert {each.name for each in dataclasses.fields(standard)} == {
            each.name for each in dataclasses.fields(record)
        }


@pytest.mark.parametrize(("frozen", "slots"), KINDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1)))
def test_records_are_compared_and_hashed_as_the_standard_ones_are(few, frozen, slots, numbers) -> None:
    a, b, c, d = numbers
    for standard, record in classes(frozen, slots)[:3]:
        answers = []
        for cls in (standard, record):
            left, right = (cls(a, b), cls(c, d)) if "b" in cls.__match_args__ else (cls(a, [b]), cls(c, [d]))
            answers.append((
                left == right, left != right, left == (a, b), outcome(lambda: hash(left) == hash(right)),  # noqa: B023
                dataclasses.replace(left, a=c) == right,
            ))  # fmt: skip
        assert answers[0] == answers[1]


@pytest.mark.parametrize("slots", [False, True])
def test_a_frozen_record_stays_as_it_was_made(slots: bool) -> None:
    for _, record in classes(True, slots):
        one = record(1) if dataclasses.fields(record) else record()
        before = repr(one)
        for name in ("a", "b", "none"):
            with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
                setattr(one, name, 2)
            with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
                delattr(one, name)
        assert repr(one) == before
        twin = copy.copy(one)
        assert twin is not one
        assert (twin, repr(twin), copy.deepcopy(one)) == (one, before, one)


def test_a_record_that_is_not_frozen_can_be_changed() -> None:
    for _, record in classes(False, True)[:3]:
        one = record(1)
        one.a = 5
        assert (one.a, one == record(1)) == (5, False)
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)


def test_the_init_is_compiled_once_and_only_where_many_are_made(monkeypatch) -> None:
    compiled = []
    standard = records._standard_init
    monkeypatch.setattr(
        records,
        "_standard_init",
        lambda cls, *a, **k: compiled.append(cls.__name__) or standard(cls, *a, **k),
    )

    @records.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0

    few = [Point(1), Point(y=2, x=3), *(Point(number) for number in range(records._FEW - 2))]
    assert compiled == []
    many = [Point(1, 0), Point(3, 2), *(Point(number, 0) for number in range(20))]
    assert compiled == ["Point"]
    assert few == many[: records._FEW]


def test_what_is_made_before_it_is_compiled_comes_from_its_own_class(few: int) -> None:
    """A class below a record, that is none itself, has what comes after as the standard one would call it."""
    for decorate in (dataclasses.dataclass, records.dataclass):

        @decorate
        class Base:
            a: int

        class Below(Base):
            def __post_init__(self) -> None:
                raise AssertionError("not of the record")

        assert Below(1).a == 1

        @decorate
        class With:
            a: int

            def __post_init__(self) -> None:
                self.a += 1

        class Over(With):
            def __post_init__(self) -> None:
                self.a += 10

        assert (With(1).a, Over(1).a) == (2, 11)


def test_threads_that_make_the_first_record_at_the_same_time_each_get_theirs() -> None:
    for _ in range(50):

        @records.dataclass(frozen=True, slots=True)
        class Point:
            x: int

        barrier, made = threading.Barrier(4), []

        def make(number: int) -> None:
            barrier.wait()  # noqa: B023
            made.append(Point(number))  # noqa: B023

        threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(one.x for one in made) == [0, 1, 2, 3]


def test_a_record_of_itself_is_shown_with_an_end() -> None:
    @records.dataclass(slots=True)
    class Node:
        next: object = None

    node = Node()
    node.next = node
    assert repr(node).endswith("Node(next=...)")


@pytest.mark.parametrize("of_base", [records.dataclass, dataclasses.dataclass])
@pytest.mark.parametrize("of_child", [records.dataclass, dataclasses.dataclass])
@pytest.mark.parametrize(("base", "child"), [(False, False), (True, True), (False, True), (True, False)])
def test_what_is_frozen_stands_below_what_is_frozen(of_base, of_child, base: bool, child: bool) -> None:
    @of_base(frozen=base)
    class Base:
        a: int

    def define() -> Any:
        @of_child(frozen=child)
        class Child(Base):
            b: int = 2

        return Child

    if base != child:
        with pytest.raises(TypeError, match="cannot inherit"):
            define()
    else:
        made = define()
        one = made(1)
        assert (one.a, one.b, one == made(1, 2)) == (1, 2, True)
        with pytest.raises(dataclasses.FrozenInstanceError) if child else contextlib.nullcontext():
            one.b = 3


def test_what_is_not_made_here_is_refused() -> None:
    with pytest.raises(TypeError, match="keyword only"):

        @records.dataclass(frozen=True)
        class Named:
            a: int = dataclasses.field(kw_only=True)

    with pytest.raises(TypeError):
        records.dataclass(order=True)
    with pytest.raises(ValueError, match="mutable default"):

        @records.dataclass(frozen=True)
        class Shared:
            a: list[int] = []  # noqa: RUF012
