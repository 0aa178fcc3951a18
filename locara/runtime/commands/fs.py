"""fs.*: files below the roots that the manifest grants, and what the person picked.

A root is `$APP_DATA`, a declared user folder such as `$DOCUMENTS`, or a handle that fs.pick returned. Each
call is decided by the gate first; what only the file system can know (a link, a second hard link, a handle
picked for reading) is found when the descriptor is opened, and is then recorded and answered as a denial as
well.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from locara.core.request import FsRequest
from locara.errors import CallError
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.files import HANDLE_ROOT, root_name
from locara.runtime.session import Session
from locara.runtime.trees import Refused, Tree, closing, translated

MAX_READ: Final = 8 * 1024 * 1024
MAX_ENTRIES: Final = 10_000
_UTF8_TAIL: Final = 3

T = TypeVar("T")
Root = Annotated[str, Field(min_length=1, max_length=128)]
RelativePath = Annotated[str, Field(max_length=4_096)]


class PathArgs(Args):
    """root: where; path: relative to it, `""` for the root itself (always, when root is the handle of a
    file)."""

    root: Root
    path: RelativePath


class ReadArgs(PathArgs):
    """offset and length in bytes; at most 8 MiB in one call."""

    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    length: Annotated[int, Field(ge=1, le=MAX_READ)] = MAX_READ
    encoding: Literal["utf8", "base64"] = "base64"


class WriteArgs(PathArgs):
    """data in the given encoding; mode create (must be new), replace, or append (made when absent)."""

    data: str
    encoding: Literal["utf8", "base64"] = "base64"
    mode: Literal["create", "replace", "append"]


class PickArgs(Args):
    """What the person is asked to choose, and for what.

    recursive: a folder with all that lies in its folders, and not its own files alone; remember: so that
    fs.reopen finds it at later starts.
    """

    kind: Literal["file", "directory"]
    access: Literal["read", "read-write"]
    multiple: bool = False
    recursive: bool = False
    remember: bool = False


class DroppedArgs(Args):
    """recursive: a dropped folder with all that lies in its folders, and not its own files alone."""

    recursive: bool = False


class GrantArgs(Args):
    """grant: one that fs.remembered told."""

    grant: Root


class ReleaseArgs(Args):
    """handle: one that fs.pick returned."""

    handle: Root


@command("fs.pick", args=PickArgs, lane=Lane.PICK)
def pick(session: Session, call: Call, args: PickArgs) -> Mapping[str, Any]:
    """`{handles: [{handle, name, kind, size, grant?}]}`; none when the person cancelled. Only the last part of a
    path is told. grant is there when the person lets the app find it again."""
    session.gate.require(FsRequest(HANDLE_ROOT, "", "read"), cmd=call.cmd)
    if args.access == "read-write":
        session.gate.require(FsRequest(HANDLE_ROOT, "", "write"), cmd=call.cmd)
    flags = {"multiple": args.multiple, "recursive": args.recursive, "remember": args.remember}
    return {"handles": [dict(handle) for handle in session.files.pick(args.kind, args.access, **flags)]}


@command("fs.dropped", args=DroppedArgs, lane=Lane.PICK)
def dropped(session: Session, call: Call, args: DroppedArgs) -> Mapping[str, Any]:
    """`{handles: [{handle, name, kind, size}]}`, for reading: what the person dropped on the window since it was asked
    for last, where they agree; none otherwise, also when the page made the drop up."""
    session.gate.require(FsRequest(HANDLE_ROOT, "", "read"), cmd=call.cmd)
    return {"handles": [dict(handle) for handle in session.files.dropped(recursive=args.recursive)]}


@command("fs.remembered", args=Args, lane=Lane.FILES)
def remembered(session: Session, call: Call, _args: Args) -> Mapping[str, Any]:
    """`{grants: [{grant, name, kind, access, recursive, picked}]}`, oldest first: what the person lets the app
    find again; picked is in milliseconds since 1970."""
    session.gate.require(FsRequest(HANDLE_ROOT, "", "read"), cmd=call.cmd)
    return {"grants": [dict(grant) for grant in session.files.kept()]}


@command("fs.reopen", args=GrantArgs, lane=Lane.FILES)
def reopen(session: Session, call: Call, args: GrantArgs) -> Mapping[str, Any]:
    """`{handle, name, kind, size, grant}`: what was picked then, for what it was picked then. Denied when the
    person took it back or something else is there now."""
    request = FsRequest(HANDLE_ROOT, "", "read")
    session.gate.require(request, cmd=call.cmd)
    try:
        with translated(""):
            return session.files.reopen(args.grant)
    except Refused as refused:
        session.gate.refuse(request, cmd=call.cmd, because=refused.because, fix=refused.fix)


@command("fs.forget", args=GrantArgs, lane=Lane.FILES)
def forget(session: Session, call: Call, args: GrantArgs) -> Mapping[str, Any]:
    """`{forgotten}`; the app does not find it again, and its handles open nothing from now on."""
    session.gate.require(FsRequest(HANDLE_ROOT, "", "read"), cmd=call.cmd)
    return {"forgotten": session.files.forget(args.grant)}


@command("fs.release", args=ReleaseArgs, lane=Lane.FILES)
def release(session: Session, call: Call, args: ReleaseArgs) -> Mapping[str, Any]:
    """`{}`; the handle names nothing from now on."""
    asked = PathArgs(root=args.handle, path="")
    with_tree(session, call, asked, "read", lambda _tree: session.files.release(args.handle))
    return {}


@command("fs.read", args=ReadArgs, lane=Lane.FILES)
def read(session: Session, call: Call, args: ReadArgs) -> Mapping[str, Any]:
    """`{data, bytes, size, eof}`: `bytes` read from offset of a file of `size` bytes.

    utf8 ends at the last whole character, so `bytes` can be less than length; a file that is not UTF-8 is
    io_error.
    """

    def effect(tree: Tree) -> Mapping[str, Any]:
        with closing(tree.open_read(args.path)) as fd:
            size = os.fstat(fd).st_size
            data = os.pread(fd, args.length, args.offset)
        end = args.offset + len(data)
        if args.encoding == "base64":
            return {
                "data": base64.b64encode(data).decode(),
                "bytes": len(data),
                "size": size,
                "eof": end >= size,
            }
        text, used = _whole_text(data, at_end=end >= size)
        return {"data": text, "bytes": used, "size": size, "eof": args.offset + used >= size}

    return with_tree(session, call, args, "read", effect)


def _whole_text(data: bytes, *, at_end: bool) -> tuple[str, int]:
    for cut in range(1 if at_end else _UTF8_TAIL + 1):
        try:
            return data[: len(data) - cut].decode("utf-8"), len(data) - cut
        except UnicodeDecodeError as error:
            if error.start < len(data) - _UTF8_TAIL - 1:
                break
    raise CallError("the file is not UTF-8 text here; read it as base64", code="io_error")


@command("fs.list", args=PathArgs, lane=Lane.FILES)
def list_(session: Session, call: Call, args: PathArgs) -> Mapping[str, Any]:
    """`{entries: [{name, kind: file|directory|other, size}], truncated}`, sorted by name; not recursive."""

    def effect(tree: Tree) -> Mapping[str, Any]:
        entries, truncated = tree.entries(args.path, MAX_ENTRIES)
        shown = [{"name": entry.name, "kind": entry.kind, "size": entry.size} for entry in entries]
        return {"entries": shown, "truncated": truncated}

    return with_tree(session, call, args, "read", effect)


@command("fs.stat", args=PathArgs, lane=Lane.FILES)
def stat_(session: Session, call: Call, args: PathArgs) -> Mapping[str, Any]:
    """`{kind: file|directory, size, modified}`: bytes, and milliseconds since 1970."""

    def effect(tree: Tree) -> Mapping[str, Any]:
        found = tree.metadata(args.path)
        return {"kind": found.kind, "size": found.size, "modified": found.modified}

    return with_tree(session, call, args, "read", effect)


@command("fs.write", args=WriteArgs, lane=Lane.FILES)
def write(session: Session, call: Call, args: WriteArgs) -> Mapping[str, Any]:
    """`{size}`: bytes of the file now. create and replace are atomic in folders; a picked file is written in
    place."""
    data = _bytes_of(args)
    return with_tree(
        session, call, args, "write", lambda tree: {"size": tree.write(args.path, data, args.mode)}
    )


def _bytes_of(args: WriteArgs) -> bytes:
    if args.encoding == "utf8":
        return args.data.encode("utf-8")
    try:
        return base64.b64decode(args.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallError("data is not base64", code="bad_request") from error


@command("fs.remove", args=PathArgs, lane=Lane.FILES)
def remove(session: Session, call: Call, args: PathArgs) -> Mapping[str, Any]:
    """`{}`; removes one file or one empty folder, never a tree."""
    with_tree(session, call, args, "write", lambda tree: tree.remove(args.path))
    return {}


@command("fs.mkdir", args=PathArgs, lane=Lane.FILES)
def mkdir(session: Session, call: Call, args: PathArgs) -> Mapping[str, Any]:
    """`{}`; makes one folder in a folder that exists."""
    with_tree(session, call, args, "write", lambda tree: tree.make_folder(args.path))
    return {}


def with_tree(
    session: Session,
    call: Call,
    args: PathArgs,
    access: Literal["read", "write"],
    effect: Callable[[Tree], T],
) -> T:
    """Decide, then run the effect on the tree that the root names. Raises CapabilityDenied or CallError."""
    request = FsRequest(root_name(args.root), args.path, access)
    session.gate.require(request, cmd=call.cmd)
    try:
        with translated(args.path):
            return effect(session.files.tree(args.root))
    except Refused as refused:
        session.gate.refuse(request, cmd=call.cmd, because=refused.because, fix=refused.fix)
