/** What the gallery shows of each component. */

import { useEffect, useState, type ReactNode } from "react";

import { AuditLogTable } from "../../components/src/audit-log-table";
import { CapabilityBadge } from "../../components/src/capability-badge";
import { Chat, type ChatTurn } from "../../components/src/chat";
import { CitationMark, Citations, type Citation } from "../../components/src/citations";
import { ConsentSummary } from "../../components/src/consent-summary";
import { DeniedNotice } from "../../components/src/denied-notice";
import { DocumentViewer } from "../../components/src/document-viewer";
import { EmptyState } from "../../components/src/empty-state";
import { ErrorBoundary } from "../../components/src/error-boundary";
import { FileDrop } from "../../components/src/file-drop";
import { FileList } from "../../components/src/file-list";
import { button } from "../../components/src/lib";
import { Message } from "../../components/src/message";
import { ModelDownload } from "../../components/src/model-download";
import { ModelPicker } from "../../components/src/model-picker";
import { PromptInput } from "../../components/src/prompt-input";
import { Recorder } from "../../components/src/recorder";
import { SearchBox } from "../../components/src/search-box";
import { SettingsForm, type SettingField, type SettingValue } from "../../components/src/settings-form";
import { StreamingText } from "../../components/src/streaming-text";
import { Transcript, type TranscriptSegment } from "../../components/src/transcript";
import { Waveform } from "../../components/src/waveform";

export interface Shown {
  readonly name: string;
  readonly about: string;
  readonly wide?: boolean;
  readonly Show: () => ReactNode;
}

const nothing = (): void => undefined;
const LEASE = "The deposit is three months' rent. It is returned within six weeks of the keys being handed over, less any damage that both sides have written down.";
const CITED: readonly Citation[] = [
  { id: 1, title: "Lease 2024.pdf", place: "page 3", quote: LEASE },
  { id: 2, title: "Handover notes.md", place: "line 12", quote: "Keys returned on the 2nd of May. One scratch on the kitchen worktop, photographed." },
];
const ANSWER = "The deposit is three months' rent, and you get it back within six weeks of handing over the keys.";

function ShowChat(): ReactNode {
  const [turns, setTurns] = useState<readonly ChatTurn[]>([
    { id: 1, from: "person", text: "When do I get my deposit back?" },
    { id: 2, from: "model", text: ANSWER, extra: <Citations citations={CITED} onOpen={nothing} /> },
  ]);
  const [writing, setWriting] = useState(false);
  const send = (text: string): void => {
    setTurns([...turns, { id: turns.length + 1, from: "person", text }, { id: turns.length + 2, from: "model", text: "Looking it up in your documents", streaming: true }]);
    setWriting(true);
  };
  const stop = (): void => {
    setTurns(turns.map((turn) => ({ ...turn, streaming: false })));
    setWriting(false);
  };
  return (
    <div className="h-110">
      <Chat turns={turns} busy={writing} onSend={send} onStop={stop} placeholder="Ask your documents" />
    </div>
  );
}

function ShowStreaming(): ReactNode {
  return (
    <div className="flex flex-col gap-4">
      <StreamingText text={ANSWER} />
      <StreamingText text={ANSWER.slice(0, 58)} streaming />
    </div>
  );
}

function ShowPicker(): ReactNode {
  const [chosen, setChosen] = useState("qwen3-4b-instruct");
  const models = [
    { id: "qwen3-4b-instruct", about: "Balanced. Answers in about a second", size: 2_497_000_000, ready: true },
    { id: "qwen3-1.7b-instruct", about: "Small machines and long documents", size: 1_107_000_000, ready: true },
    { id: "qwen3-14b-instruct", about: "Best answers. Needs 16 GB of memory", size: 9_001_000_000, ready: false },
  ];
  return <ModelPicker models={models} chosen={chosen} onChoose={setChosen} />;
}

function ShowDownload(): ReactNode {
  const [state, setState] = useState<"running" | "paused">("running");
  return (
    <div className="flex flex-col gap-3">
      <ModelDownload model="qwen3-14b-instruct" done={3_400_000_000} total={9_001_000_000} rate={41_000_000} state={state} onPause={() => setState("paused")} onResume={() => setState("running")} onCancel={nothing} />
      <ModelDownload model="all-minilm-l6-v2" done={45_900_000} total={45_900_000} state="ready" />
      <ModelDownload model="whisper-small" done={120_000_000} total={488_000_000} state="failed" problem="The digest of what came is not the one that is pinned, so it was thrown away." onResume={nothing} onCancel={nothing} />
    </div>
  );
}

function ShowBadges(): ReactNode {
  return (
    <div className="flex flex-wrap gap-2">
      <CapabilityBadge capability="local" />
      <CapabilityBadge capability="fs.user-selected" detail="read" />
      <CapabilityBadge capability="models" detail="2" />
      <CapabilityBadge capability="device.microphone" state="asked" />
      <CapabilityBadge capability="net" detail="api.example.com" state="asked" />
      <CapabilityBadge capability="net" state="absent" />
      <CapabilityBadge capability="device.camera" state="absent" />
    </div>
  );
}

function ShowConsent(): ReactNode {
  return (
    <div className="max-w-lg!">
      <ConsentSummary
        app="DocVault"
        publisher="locara"
        may={[
          { capability: "fs.user-selected", sentence: "read the files and folders that you pick" },
          { capability: "fs.app-data", sentence: "read and change files in its own private folder" },
          { capability: "device.microphone", sentence: "use the microphone", reason: "to take notes of a meeting", added: true },
        ]}
        mayNot={["use the network", "see your folders", "use the camera", "read the clipboard", "run in the background"]}
        models={[{ id: "qwen3-4b-instruct", size: 2_497_000_000 }]}
        onAgree={nothing}
        onDecline={nothing}
      />
    </div>
  );
}

function ShowDenied(): ReactNode {
  const denied = {
    message: "DocVault may not write to the clipboard",
    capability: "clipboard",
    because: "locara.json does not declare the clipboard, so the command does not exist for this app.",
    fix: '"clipboard": { "write": true }',
  };
  return (
    <div className="flex flex-col gap-3">
      <DeniedNotice denied={denied} forAuthor onClose={nothing} />
      <DeniedNotice denied={denied} />
    </div>
  );
}

function ShowFiles(): ReactNode {
  const [gone, setGone] = useState<readonly (string | number)[]>([]);
  const files = [
    { id: 1, name: "Lease 2024.pdf", size: 812_000, state: "ready", note: "12 pages" },
    { id: 2, name: "Scanned letter.png", size: 4_310_000, state: "working", progress: 0.6, note: "reading the picture" },
    { id: 3, name: "Handover notes.md", size: 4_100, state: "waiting" },
    { id: 4, name: "Old contract.pdf", size: 96_000, state: "failed", note: "it is locked with a password" },
  ] as const;
  return <FileList files={files.filter(({ id }) => !gone.includes(id))} onOpen={nothing} onRemove={({ id }) => setGone([...gone, id])} />;
}

function ShowViewer(): ReactNode {
  const [page, setPage] = useState(3);
  const text = `§ 4 Deposit\n\n${LEASE}\n\n§ 5 Repairs\n\nSmall repairs of up to 120 euros a year are paid by the tenant. Everything else, and everything that belongs to the building, is paid by the owner.`;
  return (
    <div className="h-80">
      <DocumentViewer className="h-full" title="Lease 2024.pdf" page={page} pages={12} text={page === 3 ? text : `This is page ${page}.`} marked={LEASE.slice(0, 34)} onPage={setPage} onClose={nothing} />
    </div>
  );
}

const SPOKEN: readonly TranscriptSegment[] = [
  { id: 1, start: 0, end: 4.2, speaker: "Ada", text: "Good morning. Shall we begin with the budget for the spring?" },
  { id: 2, start: 4.2, end: 9, speaker: "Grace", text: "Yes. We are a little below what we planned, mostly because the workshop moved to May." },
  { id: 3, start: 9, end: 12.5, speaker: "Ada", text: "Then let us keep the rest for travel." },
];

function ShowTranscript(): ReactNode {
  const [segments, setSegments] = useState(SPOKEN);
  const [time, setTime] = useState(5);
  return <Transcript segments={segments} time={time} onSeek={setTime} onEdit={(segment, text) => setSegments(segments.map((one) => (one.id === segment.id ? { ...one, text } : one)))} live />;
}

const PEAKS = Array.from({ length: 120 }, (_, at) => 0.15 + Math.abs(Math.sin(at / 3.1) * Math.sin(at / 11) * 0.8));

function ShowWaveform(): ReactNode {
  const [time, setTime] = useState(74);
  return <Waveform peaks={PEAKS} duration={212} time={time} onSeek={setTime} />;
}

function ShowRecorder(): ReactNode {
  const [state, setState] = useState<"idle" | "recording" | "paused">("recording");
  return (
    <div className="flex flex-col gap-3">
      <Recorder state={state} seconds={83} level={0.62} onStart={() => setState("recording")} onStop={() => setState("idle")} onPause={() => setState("paused")} onResume={() => setState("recording")} />
      <Recorder state="idle" seconds={0} onStart={nothing} onStop={nothing} />
    </div>
  );
}

function ShowSearch(): ReactNode {
  const [query, setQuery] = useState("deposit");
  const all = [
    { id: 1, title: "Lease 2024.pdf", place: "page 3", snippet: LEASE },
    { id: 2, title: "Handover notes.md", place: "line 12", snippet: "The deposit was mentioned, and both sides agreed to the list of damages." },
  ];
  return <SearchBox query={query} onQuery={setQuery} results={all.filter(({ snippet }) => snippet.toLowerCase().includes(query.toLowerCase()))} onOpen={nothing} label="Search your documents" />;
}

const FIELDS: readonly SettingField[] = [
  { key: "language", label: "Language of answers", kind: "choice", options: [{ value: "auto", label: "As the question" }, { value: "en", label: "English" }, { value: "de", label: "German" }] },
  { key: "passages", label: "Passages for an answer", about: "More passages take longer and find more.", kind: "number", min: 1, max: 20 },
  { key: "name", label: "Name of the vault", kind: "text", placeholder: "My documents" },
  { key: "quotes", label: "Show quotes", about: "The passage itself below each source.", kind: "switch" },
  { key: "history", label: "Keep conversations", kind: "switch" },
];

function ShowSettings(): ReactNode {
  const [values, setValues] = useState<Record<string, SettingValue>>({ language: "auto", passages: 6, quotes: true, history: false });
  return <SettingsForm fields={FIELDS} values={values} onChange={(key, value) => setValues({ ...values, [key]: value })} />;
}

function ShowAudit(): ReactNode {
  const entries = [
    { seq: 1, time: "2026-05-02T09:14:03Z", cmd: "fs.pick", capability: "fs.user-selected", allowed: true, because: 'locara.json:19 "fs.user-selected": "read"' },
    { seq: 2, time: "2026-05-02T09:14:21Z", cmd: "llm.chat", capability: "models", allowed: true, because: 'locara.json:21 "models": ["qwen3-4b-instruct@sha256:…"]' },
    { seq: 3, time: "2026-05-02T09:15:40Z", cmd: "net.fetch", capability: "net", allowed: false, because: "net is not declared" },
  ];
  return <AuditLogTable entries={entries} />;
}

function Broken(): ReactNode {
  const [broken, setBroken] = useState(false);
  useEffect(() => setBroken(true), []);
  if (broken) throw new Error("The page of “Lease 2024.pdf” could not be drawn");
  return null;
}

export const SHOWN: readonly Shown[] = [
  { name: "chat", about: "A conversation: its turns, and the place to write the next.", Show: ShowChat },
  {
    name: "message",
    about: "One turn of a conversation.",
    Show: () => (
      <div className="flex flex-col gap-5">
        <Message from="person" name="You" text="When do I get my deposit back?" />
        <Message from="model" name="Assistant" text={ANSWER} />
      </div>
    ),
  },
  {
    name: "prompt-input",
    about: "Where a person writes. Enter sends, Shift+Enter begins a line, Escape stops the answer.",
    Show: () => (
      <div className="flex flex-col gap-3">
        <PromptInput onSend={nothing} placeholder="Ask something" />
        <PromptInput onSend={nothing} onStop={nothing} busy placeholder="An answer is being written" label="Your next message" />
      </div>
    ),
  },
  { name: "streaming-text", about: "A text that grows while a model writes it.", Show: ShowStreaming },
  {
    name: "citations",
    about: "Where an answer comes from: numbered sources, each a button that opens its place.",
    Show: () => (
      <div className="flex flex-col gap-4">
        <p className="text-sm leading-6">
          You get it back within six weeks
          <CitationMark number={1} citation={CITED[0] as Citation} onOpen={nothing} />
          of handing over the keys
          <CitationMark number={2} citation={CITED[1] as Citation} onOpen={nothing} />.
        </p>
        <Citations citations={CITED} onOpen={nothing} />
      </div>
    ),
  },
  { name: "model-picker", about: "Chooses one of the models that the manifest pins.", Show: ShowPicker },
  { name: "model-download", about: "A model on its way to this machine.", Show: ShowDownload },
  { name: "capability-badge", about: "One power of an app in a few words.", Show: ShowBadges },
  { name: "consent-summary", about: "What an app may and may not do, before a person agrees.", Show: ShowConsent },
  { name: "denied-notice", about: "A call that the manifest does not allow: what, why, and for the author the line that would.", Show: ShowDenied },
  { name: "file-drop", about: "A place for files: dropped on it, or picked with its button.", Show: () => <FileDrop onPick={nothing} onFiles={nothing} hint="PDF, Markdown or text. They stay on this machine." /> },
  { name: "file-list", about: "Files and what becomes of each.", Show: ShowFiles },
  { name: "document-viewer", about: "The pages of a document, with the cited passage marked.", Show: ShowViewer },
  { name: "transcript", about: "What was said, with times. A time jumps there; a text can be corrected in place.", Show: ShowTranscript },
  { name: "waveform", about: "Sound as bars, with a place in it that keys and pointer move.", Show: ShowWaveform },
  { name: "recorder", about: "Records sound: one button, the time so far, and how loud it is.", Show: ShowRecorder },
  { name: "search-box", about: "Search with results below: arrow keys, Enter, Escape.", Show: ShowSearch },
  { name: "settings-form", about: "Settings out of a list of fields. Each change is told at once.", Show: ShowSettings },
  { name: "audit-log-table", about: "The decisions about an app, newest first.", wide: true, Show: ShowAudit },
  {
    name: "empty-state",
    about: "What stands where there is nothing yet, and the first thing to do.",
    Show: () => (
      <EmptyState icon="folder" title="No documents yet" about="Pick files or a folder. They are read on this machine and stay there.">
        <button type="button" className={button("primary")}>
          Choose files
        </button>
      </EmptyState>
    ),
  },
  {
    name: "error-boundary",
    about: "Catches what goes wrong while the page is drawn, says so, and offers to try again.",
    Show: () => (
      <ErrorBoundary>
        <Broken />
      </ErrorBoundary>
    ),
  },
];
