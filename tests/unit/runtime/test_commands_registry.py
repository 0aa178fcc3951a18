"""How a command's arguments are judged."""

import threading

import pytest
from pydantic_core import ValidationError

from locara.runtime.arguments import Args
from locara.runtime.commands import registered
from locara.runtime.commands.registry import Command, Lane


def _command(args: type[Args]) -> Command:
    return Command("a.b", args, Lane.INLINE, lambda _session, _call, _args: {})


def test_the_first_calls_of_a_command_may_come_at_the_same_time() -> None:
    for _ in range(20):

        class Wanted(Args):
            """Arguments that nobody has judged yet."""

            long_name: int

        command, together, found = _command(Wanted), threading.Barrier(8), list[Args]()

        def call(
            command: Command = command, together: threading.Barrier = together, found: list[Args] = found
        ) -> None:
            together.wait()
            found.append(command.checked({"longName": 3}))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [Wanted(long_name=3)] * 8


def test_arguments_are_strict_and_whole() -> None:
    class Wanted(Args):
        """One number."""

        size: int

    command = _command(Wanted)
    assert command.checked({"size": 3}) == Wanted(size=3)
    others: tuple[object, ...] = (
        {},
        {"size": "3"},
        {"size": True},
        {"size": 3, "more": 1},
        [],
        None,
        {"Size": 3},
    )
    for wrong in others:
        with pytest.raises(ValidationError):
            command.checked(wrong)


@pytest.mark.parametrize("name", sorted(registered()))
def test_no_command_takes_an_argument_that_it_does_not_have(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registered()[name].checked({"madeUp": 1})
    assert {"type": "extra_forbidden", "loc": ("madeUp",)}.items() <= caught.value.errors()[-1].items()
