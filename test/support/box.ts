import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Finished } from "./netns.ts";
import { ROOT } from "./root.ts";

/**
 * A box: a machine of its own for a script, with namespaces for network, mounts, processes, IPC and host name. Packages can
 * be installed and daemons run in it, and when it ends nothing of it is left.
 */
export interface BoxOptions {
  /** Runs as root in a shell. */
  readonly script: string;
  /** Folders of this machine that are seen, and may be written, inside; besides the repository and the folder of bun. */
  readonly folders?: readonly string[];
  /** All of the environment. */
  readonly env: Record<string, string | undefined>;
  readonly limitMs: number;
  /** Ends the box before its time. */
  readonly signal?: AbortSignal;
  /** The root file system. Otherwise it is this machine's, under a layer of memory that takes all changes. */
  readonly base?: string;
  /** The box uses this machine's network. */
  readonly outside?: boolean;
  /** Given what the script prints, as it comes; it is not kept then. */
  readonly onOutput?: (chunk: Uint8Array) => void;
}

/** $1: an empty folder; $2: the root file system or ""; $3: the script; $4 …: the folders that are seen inside. */
const ENTER = `
set -e
mount --make-rprivate /
box=$1 base=$2 script=$3
shift 3
mount -t tmpfs tmpfs "$box"
mkdir "$box/upper" "$box/work" "$box/root"
root=$box/root
if [ -n "$base" ]; then mount --bind "$base" "$root"
else mount -t overlay overlay -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" "$root"; fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
for folder in "$@"; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
command -v ip >/dev/null && ip link set lo up
hostname box
cd "$root"
mkdir -p run/before
# Not chroot: entering a namespace of ours would lead out of it again.
pivot_root . run/before
umount -l run/before
rmdir run/before
exec sh -c "$script"
`;

const NAMESPACES = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"];

const command = (options: Pick<BoxOptions, "base" | "outside">, empty: string, script: string, folders: string[]) => {
  const unshare = ["unshare", ...(options.outside === true ? [] : ["--net"]), ...NAMESPACES];
  return [...unshare, "sh", "-c", ENTER, "sh", empty, options.base ?? "", script, ...folders];
};

/** An empty folder for as long as `work` takes. */
async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-box-"));
  try {
    return await work(folder);
  } finally {
    rmdirSync(folder);
  }
}

/** Why there can be no box here, or "". */
export async function boxUnavailable(): Promise<string> {
  if (process.getuid?.() !== 0) return "a box needs root";
  if (Bun.which("unshare") === null) return "the program unshare is missing";
  const { code, stderr } = await inBox({ script: "true", env: process.env, limitMs: 60_000 });
  return code === 0 ? "" : `a box was refused: ${stderr.trim()}`;
}

/** Runs a script in a box of its own, to its end or its limit. */
export function inBox(options: BoxOptions): Promise<Finished> {
  const { script, folders = [], env, limitMs, onOutput } = options;
  const seen =
    options.base === undefined ? [ROOT.replace(/\/$/, ""), dirname(process.execPath), ...folders] : [...folders];
  return withFolder(async (empty) => {
    const streams = { stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
    const child = Bun.spawn(command(options, empty, script, seen), { env, ...streams });
    let timedOut = false;
    // --kill-child: with unshare itself the first process of the box ends, and with that every other one.
    const end = () => child.kill("SIGKILL");
    options.signal?.addEventListener("abort", end);
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, limitMs);
    const read = (stream: ReadableStream<Uint8Array>) =>
      onOutput === undefined ? text(stream) : pass(stream, onOutput);
    const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
    const code = await child.exited;
    clearTimeout(timer);
    return { code, stdout, stderr, timedOut };
  });
}

const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text();

async function pass(stream: ReadableStream<Uint8Array>, onOutput: (chunk: Uint8Array) => void): Promise<string> {
  for await (const chunk of stream) onOutput(chunk);
  return "";
}
