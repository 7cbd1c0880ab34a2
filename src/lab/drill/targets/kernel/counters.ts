import { readFileSync } from "node:fs";

/** Each group is a line of names and a line of values, both with the group's name before them. */
const FILES = ["/proc/self/net/snmp", "/proc/self/net/netstat", "/proc/self/net/snmp6"];

/** This namespace's counters, named as nstat does: the group's name, then the counter's. */
export function counters(): Readonly<Record<string, number>> {
  return Object.assign({}, ...FILES.map((path) => read(path)).map(countersIn));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A kernel without IPv6 has no counters of it.
    return "";
  }
}

export function countersIn(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  let names: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [group = "", ...words] = line.trim().split(/\s+/);
    if (!group.endsWith(":")) {
      // IPv6 has a line for each.
      if (words.length === 1) found[group] = Number(words[0]);
    } else if (words.every((word) => /^-?\d+$/.test(word))) {
      for (const [i, word] of words.entries()) found[`${group.slice(0, -1)}${names[i]}`] = Number(word);
    } else names = words;
  }
  return found;
}
