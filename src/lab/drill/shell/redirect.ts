import { NotUnderstood } from "./expand.ts";
import type { ShellHost } from "./host.ts";
import { writeSetting } from "./settings.ts";

/** Where the output of a command goes: a file of the script's, or one that stands for a setting. */
export function writeFile(host: ShellHost, path: string, text: string, keeps: boolean): void {
  if (/^\/dev\/(null|stderr|stdout|tty)$/.test(path)) return;
  if (/^\/(proc|sys)\//.test(path)) {
    if (!writeSetting(host, path, text.trim())) throw new NotUnderstood(`command echo ${text.trim()} > ${path}`);
    return;
  }
  const before = (keeps ? host.files.get(path) : undefined) ?? new Uint8Array(0);
  // What a program wrote as octets (head -c) is one character each.
  const octets = text.includes("\0") ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : new TextEncoder().encode(text);
  const all = new Uint8Array(before.length + octets.length);
  all.set(before);
  all.set(octets, before.length);
  host.files.set(path, all);
}
