/** Sound as 16-bit samples, and the WAV file around them. */

export const RATE = 16_000;
const HEADER = 44;

/** A WAV file of one channel. */
export function wavOf(samples: Uint8Array<ArrayBuffer>, rate: number = RATE): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(HEADER + samples.length);
  const view = new DataView(whole.buffer);
  const text = (at: number, letters: string): void => whole.set(new TextEncoder().encode(letters), at);
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, samples.length, true);
  whole.set(samples, HEADER);
  return whole;
}

/** Samples as they lie in a file: little-endian, two bytes each. */
export function bytesOf(samples: Int16Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, at) => view.setInt16(at * 2, sample, true));
  return new Uint8Array(view.buffer);
}

/** Samples between -1 and 1 as 16-bit numbers. */
export function integersOf(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767));
}

/** How loud it is, 0 to 1, on a scale that is near to what an ear says. */
export function loudness(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibel = 20 * Math.log10(Math.sqrt(sum / samples.length) / 32768 + 1e-5);
  return Math.max(0, Math.min(1, (decibel + 60) / 60));
}
