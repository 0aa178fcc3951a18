/** All modules over one transport. */

import { createApp, type App } from "./app.ts";
import { createAudit, type Audit } from "./audit.ts";
import { createDb, type Db } from "./db.ts";
import { createEmbed, type Embed } from "./embed.ts";
import { createFs, type Fs } from "./fs.ts";
import { createLlm, type Llm } from "./llm.ts";
import { createSettings, type Settings } from "./settings.ts";
import { createTools, type Tools } from "./tools.ts";
import { createTranscribe, type Transcribe } from "./transcribe.ts";
import type { Transport } from "./transport.ts";

export interface Locara {
  readonly app: App;
  readonly audit: Audit;
  readonly db: Db;
  readonly embed: Embed;
  readonly fs: Fs;
  readonly llm: Llm;
  readonly settings: Settings;
  readonly tools: Tools;
  readonly transcribe: Transcribe;
  close(): Promise<void>;
}

export function createLocara(transport: Transport): Locara {
  return {
    app: createApp(transport),
    audit: createAudit(transport),
    db: createDb(transport),
    embed: createEmbed(transport),
    fs: createFs(transport),
    llm: createLlm(transport),
    settings: createSettings(transport),
    tools: createTools(transport),
    transcribe: createTranscribe(transport),
    close: () => transport.close(),
  };
}
