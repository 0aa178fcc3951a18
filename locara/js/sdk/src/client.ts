/** All modules over one transport. */

import { createApp, type App } from "./app.ts";
import { createAudio, type Audio } from "./audio.ts";
import { createAudit, type Audit } from "./audit.ts";
import { createCamera, type Camera } from "./camera.ts";
import { createDb, type Db } from "./db.ts";
import {
  createBackground,
  createClipboard,
  createNotify,
  createShell,
  type Background,
  type Clipboard,
  type Notify,
  type Shell,
} from "./desktop.ts";
import { createEmbed, type Embed } from "./embed.ts";
import { createFs, type Fs } from "./fs.ts";
import { createLlm, type Llm } from "./llm.ts";
import { createNet, type Net } from "./net.ts";
import { createOcr, type Ocr } from "./ocr.ts";
import { createPdf, type Pdf } from "./pdf.ts";
import { createSettings, type Settings } from "./settings.ts";
import { createTools, type Tools } from "./tools.ts";
import { createTranscribe, type Transcribe } from "./transcribe.ts";
import { createTts, type Tts } from "./tts.ts";
import type { Transport } from "./transport.ts";

export interface Locara {
  readonly app: App;
  readonly audio: Audio;
  readonly audit: Audit;
  readonly background: Background;
  readonly camera: Camera;
  readonly clipboard: Clipboard;
  readonly db: Db;
  readonly embed: Embed;
  readonly fs: Fs;
  readonly llm: Llm;
  readonly net: Net;
  readonly notify: Notify;
  readonly ocr: Ocr;
  readonly pdf: Pdf;
  readonly settings: Settings;
  readonly shell: Shell;
  readonly tools: Tools;
  readonly transcribe: Transcribe;
  readonly tts: Tts;
  close(): Promise<void>;
}

export function createLocara(transport: Transport): Locara {
  return {
    app: createApp(transport),
    audio: createAudio(transport),
    audit: createAudit(transport),
    background: createBackground(transport),
    camera: createCamera(transport),
    clipboard: createClipboard(transport),
    db: createDb(transport),
    embed: createEmbed(transport),
    fs: createFs(transport),
    llm: createLlm(transport),
    net: createNet(transport),
    notify: createNotify(transport),
    ocr: createOcr(transport),
    pdf: createPdf(transport),
    settings: createSettings(transport),
    shell: createShell(transport),
    tools: createTools(transport),
    transcribe: createTranscribe(transport),
    tts: createTts(transport),
    close: () => transport.close(),
  };
}
