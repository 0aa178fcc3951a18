/**
 * `@locara/sdk`: what a Locara app may ask of its runtime.
 *
 * In an app window the module objects work as they are: `import { llm } from "@locara/sdk"`. Elsewhere (tests,
 * scripts) make a client over a transport: `createLocara(new NodeTransport({ command }))`.
 */

import { createLocara } from "./client.ts";
import type { Transport } from "./transport.ts";
import { WindowTransport } from "./window.ts";

let windowTransport: WindowTransport | undefined;

/** Connects on the first call, so importing this module on any page is free of effects. */
const ofThisWindow: Transport = {
  async call(cmd, args, options) {
    windowTransport ??= WindowTransport.ofWindow();
    return windowTransport.call(cmd, args, options);
  },
  async close() {
    await windowTransport?.close();
  },
};

export const {
  app,
  audio,
  audit,
  background,
  camera,
  clipboard,
  db,
  embed,
  fs,
  llm,
  net,
  notify,
  ocr,
  pdf,
  settings,
  shell,
  tools,
  transcribe,
  tts,
} = createLocara(ofThisWindow);

export { createLocara, type Locara } from "./client.ts";
export { CapabilityDenied, ERROR_CODES, LocaraError, type ErrorCode } from "./errors.ts";
export { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from "./frames.ts";
export type { Json, JsonObject } from "./json.ts";
export { COMMANDS, type Capability, type Command } from "./surface.ts";
export { CallTable, type CallOptions, type Transport } from "./transport.ts";
export { WindowTransport, type FramePort } from "./window.ts";
export { createStream, type Stream } from "./stream.ts";
export type { App, AppInfo, ModelInfo, ProfileInfo } from "./app.ts";
export type { Audio, AudioInput, OpenAudio, Sound } from "./audio.ts";
export type { Audit, LogEntry } from "./audit.ts";
export type { Camera, CameraInput, Picture } from "./camera.ts";
export type { Background, BackgroundStatus, Clipboard, Notification, Notify, Shell } from "./desktop.ts";
export type { Changed, Db, Hit, Param, Params, Row, SearchRequest, Statement } from "./db.ts";
export { MAX_TEXTS, type Embed } from "./embed.ts";
export { APP_DATA, FileTooLarge, type Entry, type Fs, type Handle, type Listing, type PickRequest, type Remembered, type Stat, sharedRoot } from "./fs.ts";
export type {
  ChatDelta,
  ChatMessage,
  ChatRequest,
  ChatResponse,
  ChatUsage,
  Llm,
  RefusedCall,
  ToolCall,
  ToolLoop,
  ToolLoopOptions,
  ToolStep,
} from "./llm.ts";
export type { Net, NetRequest, NetResponse } from "./net.ts";
export type { HowToRead, Ocr, ReadPage, ReadPicture, Word } from "./ocr.ts";
export type { Pdf, PdfFile, PdfPage, PdfPicture, PdfText } from "./pdf.ts";
export type { SettingChange, Settings, SubscribeOptions } from "./settings.ts";
export type { ToolAnswer, ToolRequest, Tools, ToolUsage } from "./tools.ts";
export {
  MAX_PUSH_SAMPLES,
  type LiveTranscript,
  type Segment,
  type Transcribe,
  type TranscribeFile,
  type TranscribeLive,
  type Transcript,
} from "./transcribe.ts";
export type { SpeakRequest, Spoken, Tts, Voice } from "./tts.ts";
