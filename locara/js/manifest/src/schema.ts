// Written by tools/js_types.py from the framework; a test compares. Do not edit.

/** The JSON Schema of locara.json. */
export const schema = {
 "$schema": "https://json-schema.org/draft/2020-12/schema",
 "$id": "urn:locara:manifest:v1",
 "$comment": "Only the parser refuses: bytes: UTF-8 without byte order mark or NUL, at most 262,144 bytes, 32 levels deep, no key twice, no lone surrogates, no NaN, Infinity or -0; whole numbers are written without fraction and exponent (2048, not 2048.0); shown text: no white space at an end, no unassigned, private-use or further format characters, at most four combining marks in a row; hosts: 253 characters, after a wildcard 189; paths: 255 bytes of UTF-8 (the schema counts characters); modalities and tooling without a backend in this version are refused as unsupported; text-to-text, text-to-text-thinking, text-to-embedding and speech-to-text need at least one entry in capabilities.models; image-to-text (without a model it reads text) and text-to-speech need none; code-exec.javascript and code-exec.python need at least one entry in capabilities.tools; ids of models, tools and shared folders are unique; an app does not share a folder with itself; the models of a profile are among capabilities.models; the entry page lies below build.out.",
 "$defs": {
  "Author": {
   "additionalProperties": false,
   "description": "Who wrote the app.",
   "properties": {
    "name": {
     "maxLength": 80,
     "minLength": 1,
     "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]*$",
     "title": "Name",
     "type": "string"
    },
    "email": {
     "maxLength": 254,
     "pattern": "^[A-Za-z0-9_%+-]+(?:\\.[A-Za-z0-9_%+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$",
     "title": "Email",
     "type": "string"
    },
    "url": {
     "maxLength": 2048,
     "pattern": "^https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?#][A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]*)?$",
     "title": "Url",
     "type": "string"
    }
   },
   "required": [
    "name",
    "email"
   ],
   "title": "Author",
   "type": "object"
  },
  "Background": {
   "additionalProperties": false,
   "description": "Work while no window is open; the reasons are shown to the person as they are.",
   "properties": {
    "mode": {
     "enum": [
      false,
      "passive",
      "active"
     ],
     "title": "Mode"
    },
    "reasons": {
     "default": [],
     "items": {
      "maxLength": 140,
      "minLength": 1,
      "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]*$",
      "type": "string"
     },
     "maxItems": 5,
     "title": "Reasons",
     "type": "array",
     "uniqueItems": true
    }
   },
   "required": [
    "mode"
   ],
   "title": "Background",
   "type": "object"
  },
  "Build": {
   "additionalProperties": false,
   "description": "How the page is made: the tool is one of ours, never a command of the author's.",
   "properties": {
    "tool": {
     "default": "vite",
     "enum": [
      "vite",
      "none"
     ],
     "title": "Tool",
     "type": "string"
    },
    "out": {
     "default": "dist",
     "maxLength": 255,
     "minLength": 1,
     "pattern": "^(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .](?:/(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .]){0,15}$",
     "title": "Out",
     "type": "string"
    }
   },
   "title": "Build",
   "type": "object"
  },
  "Capabilities": {
   "additionalProperties": false,
   "description": "Every power the app declares. What is absent is denied.",
   "properties": {
    "net": {
     "default": false,
     "oneOf": [
      {
       "type": "boolean"
      },
      {
       "$ref": "#/$defs/NetHosts"
      }
     ],
     "title": "Net"
    },
    "fs.user-selected": {
     "default": false,
     "enum": [
      false,
      "read",
      "read-write"
     ],
     "title": "Fs.User-Selected"
    },
    "fs.app-data": {
     "default": "read-write",
     "enum": [
      false,
      "read",
      "read-write"
     ],
     "title": "Fs.App-Data"
    },
    "fs.user-paths": {
     "$ref": "#/$defs/UserPaths",
     "default": {}
    },
    "device.microphone": {
     "default": false,
     "title": "Device.Microphone",
     "type": "boolean"
    },
    "device.camera": {
     "default": false,
     "title": "Device.Camera",
     "type": "boolean"
    },
    "device.system-audio": {
     "default": false,
     "title": "Device.System-Audio",
     "type": "boolean"
    },
    "models": {
     "default": [],
     "items": {
      "pattern": "^[a-z0-9][a-z0-9._-]{0,63}@sha256:[0-9a-f]{64}$",
      "type": "string"
     },
     "maxItems": 64,
     "title": "Models",
     "type": "array",
     "uniqueItems": true
    },
    "tools": {
     "default": [],
     "items": {
      "pattern": "^[a-z0-9][a-z0-9._-]{0,63}@sha256:[0-9a-f]{64}$",
      "type": "string"
     },
     "maxItems": 64,
     "title": "Tools",
     "type": "array",
     "uniqueItems": true
    },
    "shared-folders": {
     "default": [],
     "items": {
      "$ref": "#/$defs/SharedFolder"
     },
     "maxItems": 16,
     "title": "Shared-Folders",
     "type": "array"
    },
    "clipboard": {
     "$ref": "#/$defs/Clipboard",
     "default": {
      "read": false,
      "write": false
     }
    },
    "notifications": {
     "$ref": "#/$defs/Notifications",
     "default": {
      "modes": []
     }
    },
    "background": {
     "$ref": "#/$defs/Background",
     "default": {
      "mode": false,
      "reasons": []
     }
    },
    "open-external": {
     "$ref": "#/$defs/OpenExternal"
    }
   },
   "title": "Capabilities",
   "type": "object"
  },
  "Clipboard": {
   "additionalProperties": false,
   "description": "The clipboard, each direction by itself.",
   "properties": {
    "read": {
     "default": false,
     "title": "Read",
     "type": "boolean"
    },
    "write": {
     "default": false,
     "title": "Write",
     "type": "boolean"
    }
   },
   "title": "Clipboard",
   "type": "object"
  },
  "NetHosts": {
   "additionalProperties": false,
   "description": "Outbound connections to these hosts on these ports (443 when no port is named).",
   "properties": {
    "allowed_hosts": {
     "items": {
      "maxLength": 253,
      "pattern": "^(?:\\*\\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+(?!(?:[0-9]+|0x[0-9a-f]*|localhost|local|internal)$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
      "type": "string"
     },
     "maxItems": 200,
     "minItems": 1,
     "title": "Allowed Hosts",
     "type": "array",
     "uniqueItems": true
    },
    "allowed_ports": {
     "default": [
      443
     ],
     "items": {
      "maximum": 65535,
      "minimum": 1,
      "type": "integer"
     },
     "maxItems": 200,
     "minItems": 1,
     "title": "Allowed Ports",
     "type": "array",
     "uniqueItems": true
    }
   },
   "required": [
    "allowed_hosts"
   ],
   "title": "NetHosts",
   "type": "object"
  },
  "Notifications": {
   "additionalProperties": false,
   "description": "How the app may call for attention.",
   "properties": {
    "modes": {
     "items": {
      "enum": [
       "alert",
       "badge",
       "sound"
      ],
      "type": "string"
     },
     "maxItems": 3,
     "title": "Modes",
     "type": "array",
     "uniqueItems": true
    }
   },
   "required": [
    "modes"
   ],
   "title": "Notifications",
   "type": "object"
  },
  "OpenExternal": {
   "additionalProperties": false,
   "description": "https pages the app may open in the person's browser.",
   "properties": {
    "hosts": {
     "items": {
      "maxLength": 253,
      "pattern": "^(?:\\*\\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+(?!(?:[0-9]+|0x[0-9a-f]*|localhost|local|internal)$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
      "type": "string"
     },
     "maxItems": 200,
     "minItems": 1,
     "title": "Hosts",
     "type": "array",
     "uniqueItems": true
    }
   },
   "required": [
    "hosts"
   ],
   "title": "OpenExternal",
   "type": "object"
  },
  "Profile": {
   "additionalProperties": false,
   "description": "The models for machines with at least this much memory (GiB).",
   "properties": {
    "min_ram_gb": {
     "maximum": 1024,
     "minimum": 1,
     "title": "Min Ram Gb",
     "type": "integer"
    },
    "models": {
     "items": {
      "pattern": "^[a-z0-9][a-z0-9._-]{0,63}@sha256:[0-9a-f]{64}$",
      "type": "string"
     },
     "maxItems": 64,
     "minItems": 1,
     "title": "Models",
     "type": "array",
     "uniqueItems": true
    }
   },
   "required": [
    "min_ram_gb",
    "models"
   ],
   "title": "Profile",
   "type": "object"
  },
  "Profiles": {
   "additionalProperties": false,
   "description": "Models by size of machine.",
   "properties": {
    "low": {
     "$ref": "#/$defs/Profile"
    },
    "mid": {
     "$ref": "#/$defs/Profile"
    },
    "high": {
     "$ref": "#/$defs/Profile"
    }
   },
   "title": "Profiles",
   "type": "object"
  },
  "SharedFolder": {
   "additionalProperties": false,
   "description": "A folder shared with other apps; it opens only when every side declares it.",
   "properties": {
    "id": {
     "pattern": "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
     "title": "Id",
     "type": "string"
    },
    "with": {
     "items": {
      "pattern": "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
      "type": "string"
     },
     "maxItems": 16,
     "minItems": 1,
     "title": "With",
     "type": "array",
     "uniqueItems": true
    },
    "access": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Access",
     "type": "string"
    }
   },
   "required": [
    "id",
    "with",
    "access"
   ],
   "title": "SharedFolder",
   "type": "object"
  },
  "Storage": {
   "additionalProperties": false,
   "description": "The app's own store: its vector engine and its size limit in MiB.",
   "properties": {
    "vector": {
     "$ref": "#/$defs/VectorStorage",
     "default": {
      "engine": "sqlite-vec"
     }
    },
    "quota_mb": {
     "default": 2048,
     "maximum": 1048576,
     "minimum": 1,
     "title": "Quota Mb",
     "type": "integer"
    }
   },
   "title": "Storage",
   "type": "object"
  },
  "UserPaths": {
   "additionalProperties": false,
   "description": "Lasting access to the standard folders of the person.",
   "properties": {
    "documents": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Documents",
     "type": "string"
    },
    "downloads": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Downloads",
     "type": "string"
    },
    "desktop": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Desktop",
     "type": "string"
    },
    "pictures": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Pictures",
     "type": "string"
    },
    "music": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Music",
     "type": "string"
    },
    "movies": {
     "enum": [
      "read",
      "read-write"
     ],
     "title": "Movies",
     "type": "string"
    }
   },
   "title": "UserPaths",
   "type": "object"
  },
  "VectorStorage": {
   "additionalProperties": false,
   "description": "How vectors are kept.",
   "properties": {
    "engine": {
     "default": "sqlite-vec",
     "enum": [
      "sqlite-vec",
      "zvec"
     ],
     "title": "Engine",
     "type": "string"
    }
   },
   "title": "VectorStorage",
   "type": "object"
  }
 },
 "additionalProperties": false,
 "description": "A manifest that passed every rule of the format. Frozen; `parse_manifest` is the way to make one.",
 "properties": {
  "schema": {
   "const": "locara/v1",
   "title": "Schema",
   "type": "string"
  },
  "name": {
   "pattern": "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
   "title": "Name",
   "type": "string"
  },
  "publisher": {
   "pattern": "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
   "title": "Publisher",
   "type": "string"
  },
  "version": {
   "pattern": "^(?:0|[1-9][0-9]{0,8})\\.(?:0|[1-9][0-9]{0,8})\\.(?:0|[1-9][0-9]{0,8})$",
   "title": "Version",
   "type": "string"
  },
  "displayName": {
   "maxLength": 40,
   "minLength": 1,
   "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]*$",
   "title": "Displayname",
   "type": "string"
  },
  "description": {
   "maxLength": 140,
   "minLength": 1,
   "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]*$",
   "title": "Description",
   "type": "string"
  },
  "longDescription": {
   "maxLength": 20000,
   "minLength": 1,
   "pattern": "^(?:[^\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]|[\\n\\t])*$",
   "title": "Longdescription",
   "type": "string"
  },
  "license": {
   "enum": [
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CECILL-2.1",
    "ECL-2.0",
    "EPL-2.0",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MS-PL",
    "MulanPSL-2.0",
    "NCSA",
    "OFL-1.1",
    "OSL-3.0",
    "PostgreSQL",
    "Python-2.0",
    "UPL-1.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "Zlib"
   ],
   "title": "License",
   "type": "string"
  },
  "homepage": {
   "maxLength": 2048,
   "pattern": "^https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?#][A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]*)?$",
   "title": "Homepage",
   "type": "string"
  },
  "repository": {
   "maxLength": 2048,
   "pattern": "^https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?#][A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]*)?$",
   "title": "Repository",
   "type": "string"
  },
  "author": {
   "$ref": "#/$defs/Author"
  },
  "icon": {
   "maxLength": 255,
   "minLength": 1,
   "pattern": "^(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .](?:/(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .]){0,15}$",
   "title": "Icon",
   "type": "string"
  },
  "screenshots": {
   "items": {
    "maxLength": 255,
    "minLength": 1,
    "pattern": "^(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .](?:/(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .]){0,15}$",
    "type": "string"
   },
   "maxItems": 5,
   "minItems": 1,
   "title": "Screenshots",
   "type": "array",
   "uniqueItems": true
  },
  "category": {
   "enum": [
    "productivity",
    "creative",
    "developer",
    "education",
    "utilities",
    "media",
    "communication",
    "finance",
    "health",
    "games"
   ],
   "title": "Category",
   "type": "string"
  },
  "tags": {
   "default": [],
   "items": {
    "pattern": "^[a-z0-9-]{1,32}$",
    "type": "string"
   },
   "maxItems": 10,
   "title": "Tags",
   "type": "array",
   "uniqueItems": true
  },
  "modalities": {
   "default": [],
   "items": {
    "enum": [
     "text-to-text",
     "text-to-text-thinking",
     "speech-to-text",
     "text-to-speech",
     "voice-to-voice",
     "image-to-text",
     "text-to-image",
     "text-to-embedding"
    ],
    "type": "string"
   },
   "maxItems": 16,
   "title": "Modalities",
   "type": "array",
   "uniqueItems": true
  },
  "tooling": {
   "default": [],
   "items": {
    "enum": [
     "ocr",
     "filesystem.search",
     "filesystem.read",
     "filesystem.write",
     "code-exec.python",
     "code-exec.javascript",
     "audio.transcribe",
     "audio.synthesize",
     "vision.classify",
     "browser.fetch",
     "vector.search"
    ],
    "type": "string"
   },
   "maxItems": 16,
   "title": "Tooling",
   "type": "array",
   "uniqueItems": true
  },
  "capabilities": {
   "$ref": "#/$defs/Capabilities"
  },
  "profiles": {
   "$ref": "#/$defs/Profiles",
   "default": {}
  },
  "storage": {
   "$ref": "#/$defs/Storage",
   "default": {
    "vector": {
     "engine": "sqlite-vec"
    },
    "quota_mb": 2048
   }
  },
  "entry": {
   "default": "dist/index.html",
   "maxLength": 255,
   "minLength": 1,
   "pattern": "^(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .](?:/(?!(?:[cC][oO][nN]|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]|[cC][oO][mM][0-9\\u00b9\\u00b2\\u00b3]|[lL][pP][tT][0-9\\u00b9\\u00b2\\u00b3]|[cC][oO][nN][iI][nN]\\$|[cC][oO][nN][oO][uU][tT]\\$) *(?:\\.|/|$))[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*[^/\\\\:\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069 .]){0,15}$",
   "title": "Entry",
   "type": "string"
  },
  "build": {
   "$ref": "#/$defs/Build",
   "default": {
    "tool": "vite",
    "out": "dist"
   }
  }
 },
 "required": [
  "schema",
  "name",
  "publisher",
  "version",
  "displayName",
  "description",
  "license",
  "author",
  "icon",
  "screenshots",
  "category",
  "capabilities"
 ],
 "title": "Locara manifest",
 "type": "object"
} as const;
