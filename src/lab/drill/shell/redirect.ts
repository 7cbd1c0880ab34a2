import { NotUnderstood } from "./expand.ts";
import type { ShellHost } from "./host.ts";
import { writeSetting } from "./settings.ts";

/** Writes the output of a command to a file of the script's, or to a file that represents a setting. */
export function writeFile(host: ShellHost, path: string, text: string, keeps: boolean): void {
  if (/^\/dev\/(null|stderr|stdout|tty)$/.test(path)) return;
  if (/^\/(proc|sys)\//.test(path)) {
    if (!writeSetting(host, path, text.trim())) throw new NotUnderstood(`command echo ${text.trim()} > ${path}`);
    return;
  }
  const before = (keeps ? host.files.get(path) : undefined) ?? new Uint8Array(0);
  // Output of octets (head -c) has one character per octet.
  const octets = text.includes("\0") ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : new TextEncoder().encode(text);
  const all = new Uint8Array(before.length + octets.length);
  all.set(before);
  all.set(octets, before.length);
  host.files.set(path, all);
}
