"""A notification server that follows the published protocol (Desktop Notifications 1.2) and writes down what it is
asked: one JSON line for each Notify, and for each badge signal on the bus. Run by an interpreter that has gi."""

import json
import sys
from pathlib import Path

from gi.repository import Gio, GLib

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
INTERFACE = f"""<node><interface name="{NAME}">
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="GetServerInformation"><arg type="s" direction="out"/><arg type="s" direction="out"/>
<arg type="s" direction="out"/><arg type="s" direction="out"/></method>
</interface></node>"""
BADGE = "com.canonical.Unity.LauncherEntry"


def keep(value):
    with Path(sys.argv[1]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


def called(_bus, _sender, _path, _interface, method, arguments, invocation):
    if method == "GetCapabilities":
        invocation.return_value(GLib.Variant("(as)", (["body", "body-markup", "sound"],)))
    elif method == "Notify":
        app, _, _, title, body, actions, hints, _ = arguments.unpack()
        keep({"app": app, "title": title, "body": body, "actions": actions, "hints": hints})
        invocation.return_value(GLib.Variant("(u)", (1,)))
    else:
        invocation.return_value(GLib.Variant("(ssss)", ("kept", "test", "1", "1.2")))


def signalled(_bus, _sender, path, _interface, _name, arguments):
    keep({"badge": arguments.unpack()})


def main():
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    node = Gio.DBusNodeInfo.new_for_xml(INTERFACE)
    bus.register_object(PATH, node.interfaces[0], called, None, None)
    bus.signal_subscribe(None, BADGE, "Update", None, None, Gio.DBusSignalFlags.NONE, signalled)
    Gio.bus_own_name_on_connection(
        bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: print("ready", flush=True), None
    )
    GLib.MainLoop().run()


main()
