/**
 * Writes 2 MB of lines to standard output by a Writer, while a timer runs. Tells on descriptor 9, or standard error, how the write
 * ended, the longest pause of the timer, and the flags of standard output before and after. With "asks": as where a pipe cannot be
 * opened once more.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { Writer } from "#observe/writer";

const [how = "", told = "2"] = process.argv.slice(2);
const flags = () => /flags:\s+(\d+)/.exec(readFileSync("/proc/self/fdinfo/1", "utf8"))![1]!;
const before = flags();
const line = new TextEncoder().encode(`${"x".repeat(99)}\n`);
const bytes = new Uint8Array(2_000_000);
for (let i = 0; i < bytes.length; i += line.length) bytes.set(line, i);
let [longest, last] = [0, performance.now()];
const timer = setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
}, 5);
const writer = new Writer(1, how !== "asks");
const code = await new Promise<string>((resolve) => writer.write(bytes, resolve));
clearInterval(timer);
writer.close();
const fd = /^\d+$/.test(told) ? Number(told) : openSync(told, "w");
writeSync(fd, JSON.stringify({ code, longest, same: before === flags() }));
process.exit(0);
