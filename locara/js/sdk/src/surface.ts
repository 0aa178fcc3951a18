// Written by tools/js_types.py from the framework; a test compares. Do not edit.

/** Every command of the runtime; `capability` is the manifest's key behind it, empty for none. */
export const COMMANDS = {
  "app.info": { capability: "", stream: false },
  "app.commands": { capability: "", stream: false },
  "audit.capabilityLog": { capability: "", stream: false },
  "settings.get": { capability: "", stream: false },
  "settings.set": { capability: "", stream: false },
  "settings.getAll": { capability: "", stream: false },
  "settings.delete": { capability: "", stream: false },
  "settings.subscribe": { capability: "", stream: true },
  "settings.unsubscribe": { capability: "", stream: false },
  "db.query": { capability: "", stream: false },
  "db.exec": { capability: "", stream: false },
  "db.batch": { capability: "", stream: false },
  "db.search": { capability: "", stream: false },
  "llm.chat": { capability: "models", stream: true },
  "embed.create": { capability: "models", stream: false },
  "transcribe.fromFile": { capability: "models", stream: true },
  "transcribe.open": { capability: "models", stream: false },
  "transcribe.push": { capability: "models", stream: false },
  "transcribe.close": { capability: "models", stream: false },
  "ocr.fromFile": { capability: "modalities", stream: false },
  "ocr.fromBytes": { capability: "modalities", stream: false },
  "ocr.languages": { capability: "modalities", stream: false },
  "pdf.text": { capability: "modalities", stream: false },
  "pdf.render": { capability: "modalities", stream: false },
  "tts.speak": { capability: "modalities", stream: false },
  "tts.voices": { capability: "modalities", stream: false },
  "fs.pick": { capability: "fs.user-selected", stream: false },
  "fs.release": { capability: "fs.user-selected", stream: false },
  "fs.dropped": { capability: "fs.user-selected", stream: false },
  "fs.remembered": { capability: "fs.user-selected", stream: false },
  "fs.reopen": { capability: "fs.user-selected", stream: false },
  "fs.forget": { capability: "fs.user-selected", stream: false },
  "fs.read": { capability: "fs.app-data", stream: false },
  "fs.list": { capability: "fs.app-data", stream: false },
  "fs.stat": { capability: "fs.app-data", stream: false },
  "fs.write": { capability: "fs.app-data", stream: false },
  "fs.remove": { capability: "fs.app-data", stream: false },
  "fs.mkdir": { capability: "fs.app-data", stream: false },
  "net.fetch": { capability: "net", stream: false },
  "tools.invoke": { capability: "tools", stream: false },
  "audio.open": { capability: "device.microphone", stream: false },
  "audio.read": { capability: "device.microphone", stream: false },
  "audio.close": { capability: "device.microphone", stream: false },
  "camera.open": { capability: "device.camera", stream: false },
  "camera.read": { capability: "device.camera", stream: false },
  "camera.close": { capability: "device.camera", stream: false },
  "clipboard.read": { capability: "clipboard", stream: false },
  "clipboard.write": { capability: "clipboard", stream: false },
  "notify.show": { capability: "notifications", stream: false },
  "shell.openExternal": { capability: "open-external", stream: false },
  "background.begin": { capability: "background", stream: false },
  "background.end": { capability: "background", stream: false },
  "background.status": { capability: "background", stream: false },
} as const;
/** The name of a command. */
export type Command = keyof typeof COMMANDS;

/** A key of `capabilities` in locara.json. */
export type Capability = "net" | "fs.user-selected" | "fs.app-data" | "fs.user-paths" | "device.microphone" | "device.camera" | "device.system-audio" | "models" | "tools" | "shared-folders" | "clipboard" | "notifications" | "background" | "open-external";

/** The closed list of codes that a runtime answers with. */
export const RUNTIME_CODES = ["bad_frame", "bad_request", "busy", "cancelled", "capability_denied", "context_overflow", "device_unavailable", "exists", "internal", "io_error", "limit_exceeded", "model_error", "model_unavailable", "not_found", "program_unavailable", "quota_exceeded", "storage_error", "too_large", "tool_error", "tool_unavailable", "unknown_command"] as const;
