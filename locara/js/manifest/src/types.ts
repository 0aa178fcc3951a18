// Written by tools/js_types.py from the framework; a test compares. Do not edit.

/** A manifest that passed every rule of the format. Frozen; `parse_manifest` is the way to make one. */
export interface Manifest {
  readonly schema: "locara/v1";
  readonly name: string;
  readonly publisher: string;
  readonly version: string;
  readonly displayName: string;
  readonly description: string;
  readonly longDescription?: string;
  readonly license: "0BSD" | "AFL-3.0" | "AGPL-3.0-only" | "AGPL-3.0-or-later" | "Apache-2.0" | "Artistic-2.0" | "BSD-2-Clause" | "BSD-2-Clause-Patent" | "BSD-3-Clause" | "BSD-3-Clause-Clear" | "BSL-1.0" | "BlueOak-1.0.0" | "CC-BY-4.0" | "CC-BY-SA-4.0" | "CC0-1.0" | "CECILL-2.1" | "ECL-2.0" | "EPL-2.0" | "EUPL-1.2" | "GPL-2.0-only" | "GPL-2.0-or-later" | "GPL-3.0-only" | "GPL-3.0-or-later" | "ISC" | "LGPL-2.1-only" | "LGPL-2.1-or-later" | "LGPL-3.0-only" | "LGPL-3.0-or-later" | "MIT" | "MIT-0" | "MPL-2.0" | "MS-PL" | "MulanPSL-2.0" | "NCSA" | "OFL-1.1" | "OSL-3.0" | "PostgreSQL" | "Python-2.0" | "UPL-1.0" | "Unlicense" | "Vim" | "WTFPL" | "X11" | "Zlib";
  readonly homepage?: string;
  readonly repository?: string;
  readonly author: Author;
  readonly icon: string;
  readonly screenshots: readonly string[];
  readonly category: "productivity" | "creative" | "developer" | "education" | "utilities" | "media" | "communication" | "finance" | "health" | "games";
  readonly tags?: readonly string[];
  readonly modalities?: readonly ("text-to-text" | "text-to-text-thinking" | "speech-to-text" | "text-to-speech" | "voice-to-voice" | "image-to-text" | "text-to-image" | "text-to-embedding")[];
  readonly tooling?: readonly ("ocr" | "filesystem.search" | "filesystem.read" | "filesystem.write" | "code-exec.python" | "code-exec.javascript" | "audio.transcribe" | "audio.synthesize" | "vision.classify" | "browser.fetch" | "vector.search")[];
  readonly capabilities: Capabilities;
  readonly profiles?: Profiles;
  readonly storage?: Storage;
  readonly entry?: string;
  readonly build?: Build;
}

/** Who wrote the app. */
export interface Author {
  readonly name: string;
  readonly email: string;
  readonly url?: string;
}

/** Work while no window is open; the reasons are shown to the person as they are. */
export interface Background {
  readonly mode: false | "passive" | "active";
  readonly reasons?: readonly string[];
}

/** How the page is made: the tool is one of ours, never a command of the author's. */
export interface Build {
  readonly tool?: "vite" | "none";
  readonly out?: string;
}

/** Every power the app declares. What is absent is denied. */
export interface Capabilities {
  readonly net?: boolean | NetHosts;
  readonly "fs.user-selected"?: false | "read" | "read-write";
  readonly "fs.app-data"?: false | "read" | "read-write";
  readonly "fs.user-paths"?: UserPaths;
  readonly "device.microphone"?: boolean;
  readonly "device.camera"?: boolean;
  readonly "device.system-audio"?: boolean;
  readonly models?: readonly string[];
  readonly tools?: readonly string[];
  readonly "shared-folders"?: readonly SharedFolder[];
  readonly clipboard?: Clipboard;
  readonly notifications?: Notifications;
  readonly background?: Background;
  readonly "open-external"?: OpenExternal;
}

/** The clipboard, each direction by itself. */
export interface Clipboard {
  readonly read?: boolean;
  readonly write?: boolean;
}

/** Outbound connections to these hosts on these ports (443 when no port is named). */
export interface NetHosts {
  readonly allowed_hosts: readonly string[];
  readonly allowed_ports?: readonly number[];
}

/** How the app may call for attention. */
export interface Notifications {
  readonly modes: readonly ("alert" | "badge" | "sound")[];
}

/** https pages the app may open in the person's browser. */
export interface OpenExternal {
  readonly hosts: readonly string[];
}

/** The models for machines with at least this much memory (GiB). */
export interface Profile {
  readonly min_ram_gb: number;
  readonly models: readonly string[];
}

/** Models by size of machine. */
export interface Profiles {
  readonly low?: Profile;
  readonly mid?: Profile;
  readonly high?: Profile;
}

/** A folder shared with other apps; it opens only when every side declares it. */
export interface SharedFolder {
  readonly id: string;
  readonly with: readonly string[];
  readonly access: "read" | "read-write";
}

/** The app's own store: its vector engine and its size limit in MiB. */
export interface Storage {
  readonly vector?: VectorStorage;
  readonly quota_mb?: number;
}

/** Lasting access to the standard folders of the person. */
export interface UserPaths {
  readonly documents?: "read" | "read-write";
  readonly downloads?: "read" | "read-write";
  readonly desktop?: "read" | "read-write";
  readonly pictures?: "read" | "read-write";
  readonly music?: "read" | "read-write";
  readonly movies?: "read" | "read-write";
}

/** How vectors are kept. */
export interface VectorStorage {
  readonly engine?: "sqlite-vec" | "zvec";
}
