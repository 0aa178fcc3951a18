"""The app's plan with one layer taken away, and what must then become possible: the probes that guard that
layer.

Some layers back each other up, so that taking one away opens nothing new; they are taken away together, and
the single loss must still be seen by the readback at the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from locara.records import dataclass
from locara.sandbox.launcher import LaunchPlan, Source
from locara.sandbox.linux.landlock import Access, Policy
from locara_verify.checks.sandbox.outside import Outside

Edit = Callable[[LaunchPlan, Outside], LaunchPlan]


@dataclass(frozen=True, slots=True)
class Variant:
    """`layers` are what the readback must miss; `flips` the probes that must open once it is told not to
    look.
    """

    name: str
    edit: Edit
    layers: tuple[str, ...]
    flips: tuple[str, ...]
    needs_root: bool = False

    def silent(self, plan: LaunchPlan, there: Outside) -> LaunchPlan:
        """The variant with its layers struck from what the readback requires."""
        edited = self.edit(plan, there)
        return replace(edited, required=edited.required - frozenset(self.layers))


def _without(**fields: object) -> Edit:
    return lambda plan, _there: replace(plan, **fields)  # type: ignore[arg-type]


def _inherit(plan: LaunchPlan, there: Outside) -> LaunchPlan:
    return replace(plan, inherit_fds=(there.leaked_fd,))


def _show_outside(plan: LaunchPlan, there: Outside) -> LaunchPlan:
    shown = Source(there.folder, str(there.folder), "dir", writable=True)
    return replace(plan, sources=(*plan.sources, shown))


def _open_outside(plan: LaunchPlan, there: Outside) -> LaunchPlan:
    return _allow(_show_outside(plan, there), ((str(there.folder), "write"),))


def _writable_app(plan: LaunchPlan, _there: Outside) -> LaunchPlan:
    sources = tuple(replace(s, writable=s.writable or s.dest.startswith("/app/")) for s in plan.sources)
    paths: tuple[tuple[str, Access], ...] = tuple(
        (s.dest, "write") for s in sources if s.dest.startswith("/app/")
    )
    return _allow(replace(plan, sources=sources), paths)


def _allow(plan: LaunchPlan, paths: tuple[tuple[str, Access], ...]) -> LaunchPlan:
    if plan.landlock is None:
        return plan
    return replace(plan, landlock=Policy((*plan.landlock.paths, *paths), plan.landlock.connect_ports))


VARIANTS = (
    Variant(
        "no seccomp filter",
        _without(seccomp=None),
        ("seccomp",),
        (
            "keyctl_session",
            "add_key",
            "netlink",
            "io_uring",
            "userfaultfd",
            "make_unix_socket",
            "udp_bind",
            "tiocsti_filtered",
            "change_personality",
            "name_to_handle",
            "mount_by_new_call",
        ),
    ),
    Variant(
        "no Landlock domain",
        _without(landlock=None),
        ("landlock",),
        ("list_root", "plant_symlink", "plant_fifo", "plant_socket", "init_cmdline", "read_sysctl"),
    ),
    Variant(
        "a Landlock domain that opens everything to be read",
        lambda plan, _there: _allow(plan, (("/", "read"),)),
        ("landlock",),
        ("list_root",),
    ),
    Variant("programs may be started", _without(exec_filter=False), ("exec",), ("memfd_exec",)),
    Variant(
        "programs may be started and no Landlock domain",
        _without(exec_filter=False, landlock=None),
        ("exec", "landlock"),
        ("exec_from_data", "exec_interpreter"),
    ),
    Variant("inherited environment", _without(clear_env=False), ("env",), ("env_secret",)),
    Variant("inherited descriptor", _inherit, ("fds",), ("inherited_fd",)),
    Variant("shared network", _without(unshare_net=False), ("net",), ("see_interfaces", "see_connections")),
    Variant(
        "shared network, no seccomp filter",
        _without(unshare_net=False, seccomp=None),
        ("net", "seccomp"),
        ("udp_loopback", "udp_connected"),
    ),
    Variant(
        "shared network, no seccomp filter, no Landlock domain",
        _without(unshare_net=False, seccomp=None, landlock=None),
        ("net", "seccomp", "landlock"),
        ("tcp_loopback", "udp_loopback", "abstract_unix"),
    ),
    Variant("shared processes", _without(unshare_pid=False), ("pid",), ("see_victim",)),
    Variant(
        "shared processes, no Landlock domain",
        _without(unshare_pid=False, landlock=None),
        ("pid", "landlock"),
        ("kill_victim", "victim_cmdline"),
    ),
    Variant(
        "shared memory segments", _without(unshare_ipc=False), ("ipc",), ("shared_memory", "message_queue")
    ),
    Variant("shared host name", _without(unshare_uts=False), ("uts",), ("host_name",)),
    Variant(
        "nested user namespaces, no seccomp filter",
        _without(disable_userns=False, seccomp=None),
        ("seccomp",),
        ("unshare_user", "clone_user", "clone3_user"),
    ),
    Variant("shared session", _without(new_session=False), (), ("share_session",)),
    Variant(
        "a folder too many is mounted",
        _show_outside,
        (),
        ("stat_outside", "inotify_outside", "statfs_outside"),
    ),
    Variant(
        "a folder too many is mounted and opened",
        _open_outside,
        (),
        ("read_outside_secret", "write_outside", "unlink_outside", "list_outside"),
    ),
    Variant("the app's own code is writable", _writable_app, (), ("write_app_code", "write_manifest")),
    Variant(
        "started by real root", _without(identity=None), ("identity",), ("be_host_root",), needs_root=True
    ),
    Variant(
        "started by real root, no Landlock domain",
        _without(identity=None, landlock=None),
        ("identity", "landlock"),
        ("write_sysctl",),
        needs_root=True,
    ),
    Variant(
        "capabilities kept",
        _without(identity=None, drop_capabilities=False, disable_userns=False),
        ("identity", "capabilities"),
        ("hold_capabilities",),
        needs_root=True,
    ),
)
"""Every layer of the plan occurs in one of them."""
