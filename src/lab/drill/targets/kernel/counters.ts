import { readFileSync } from "node:fs";

/** In these files each group has a line of names and a line of values, both beginning with the group's name. */
const FILES = ["/proc/self/net/snmp", "/proc/self/net/netstat", "/proc/self/net/snmp6"];

/** This namespace's counters, named as in nstat: the group's name, then the counter's. */
export function counters(): Readonly<Record<string, number>> {
  return Object.assign({}, ...FILES.map((path) => read(path)).map(countersIn));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A kernel without IPv6 does not have the file.
    return "";
  }
}

export function countersIn(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  let names: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [group = "", ...words] = line.trim().split(/\s+/);
    if (!group.endsWith(":")) {
      // The IPv6 file has one line per counter.
      if (words.length === 1) found[group] = Number(words[0]);
    } else if (words.every((word) => /^-?\d+$/.test(word))) {
      for (const [i, word] of words.entries()) found[`${group.slice(0, -1)}${names[i]}`] = Number(word);
    } else names = words;
  }
  return found;
}
