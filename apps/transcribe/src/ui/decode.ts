/** Any sound the engine can play, decoded by it inside the window's sandbox. */

import type { Decode } from "../hear.ts";
import { integersOf, RATE } from "../sound.ts";

export const decode: Decode = async (bytes) => {
  // Decoding resamples to the context's own rate, and one channel of output mixes the others.
  const context = new OfflineAudioContext(1, 1, RATE);
  let decoded: AudioBuffer;
  try {
    decoded = await context.decodeAudioData(bytes.buffer);
  } catch {
    throw new Error("This file has no sound that can be read here. WAV files always work; what else does depends on this computer's media plug-ins.");
  }
  const mix = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    decoded.getChannelData(channel).forEach((sample, at) => (mix[at] = (mix[at] ?? 0) + sample / decoded.numberOfChannels));
  }
  return integersOf(mix);
};
