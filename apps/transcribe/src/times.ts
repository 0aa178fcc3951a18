/** Seconds as people and subtitle files write them. */

const two = (value: number): string => String(value).padStart(2, "0");

/** `1:05`, or `1:02:03` from an hour on. */
export function shortTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `00:01:05,250`; the mark before the milliseconds is a comma in SRT and a dot in WebVTT. */
export function subtitleTime(seconds: number, mark: "," | "."): string {
  const all = Math.max(0, Math.round(seconds * 1000));
  const [hours, minutes] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60];
  return `${two(hours)}:${two(minutes)}:${two(Math.floor(all / 1000) % 60)}${mark}${String(all % 1000).padStart(3, "0")}`;
}
