// A frame peer for the NodeTransport tests: answers by the command's name, and keeps no rules of its own.
import { encodeFrame, FrameDecoder } from "../src/frames.ts";

const decoder = new FrameDecoder();
const send = (frame) => process.stdout.write(encodeFrame(frame));
const cancelled = [];

process.stdin.on("data", (bytes) => {
  for (const frame of decoder.push(bytes)) {
    const { id, cmd, args } = frame;
    if ("cancel" in frame) cancelled.push(frame.cancel);
    else if (cmd === "echo") send({ id, ok: true, result: args });
    else if (cmd === "count") {
      for (let n = 0; n < args.to; n++) send({ id, event: { type: "delta", text: String(n) } });
      send({ id, ok: true, result: null });
    } else if (cmd === "cancelled") send({ id, ok: true, result: cancelled });
    else if (cmd === "denied") send({ id, ok: false, error: args });
    else if (cmd === "garbage") process.stdout.write(Buffer.from([0, 0, 0, 2, 0x7b, 0x7b]));
    else if (cmd === "die") {
      process.stderr.write("the model file is damaged\n", () => process.exit(3));
    }
  }
});
process.stdin.on("end", () => process.exit(0));
