import { dirname } from "node:path";
import type { Finished } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";

/**
 * A box: this machine's files under a lid of memory, with namespaces of their own for network, mounts, processes, IPC and
 * host name. Packages can be installed and daemons run in it, and when it ends nothing of it is left.
 */

/** Makes the lid and enters it. $1: the script to run inside; $2 …: folders that may lie on other file systems. */
const LID = `
set -e
mount --make-rprivate /
box=$(mktemp -d)
mount -t tmpfs tmpfs $box
trap 'umount -l $box; rmdir $box' EXIT
mkdir $box/upper $box/work $box/root
mount -t overlay overlay -o lowerdir=/,upperdir=$box/upper,workdir=$box/work $box/root
root=$box/root
script=$1
shift
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount --rbind /dev $root/dev
mount -t tmpfs tmpfs $root/run
mount -t tmpfs tmpfs $root/tmp
for folder in "$@"; do
  mkdir -p $root$folder
  mount --rbind $folder $root$folder
done
printf '#!/bin/sh\\nexit 101\\n' > $root/usr/sbin/policy-rc.d
chmod 755 $root/usr/sbin/policy-rc.d
ip link set lo up
hostname box
chroot $root sh -c "$script"
`;

const UNSHARE = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"];

/** Why there can be no box here, or "". */
export function boxUnavailable(): string {
  if (process.getuid?.() !== 0) return "a box needs root";
  if (Bun.which("unshare") === null) return "the program unshare is missing";
  const tried = Bun.spawnSync([...UNSHARE, "sh", "-c", LID, "sh", "true"], { stdout: "pipe", stderr: "pipe" });
  return tried.exitCode === 0 ? "" : `a box was refused: ${tried.stderr.toString().trim()}`;
}

/** Runs a shell script in a box of its own, to its end or its limit. The repository and `folders` are seen inside. */
export async function inBox(
  script: string,
  folders: readonly string[],
  env: Record<string, string>,
  limitMs: number,
): Promise<Finished> {
  const seen = [ROOT.replace(/\/$/, ""), dirname(process.execPath), ...folders];
  const child = Bun.spawn([...UNSHARE, "sh", "-c", LID, "sh", script, ...seen], {
    env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let timedOut = false;
  // --kill-child: with unshare itself the first process of the box ends, and with that every other one.
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, limitMs);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  clearTimeout(timer);
  return { code, stdout, stderr, timedOut };
}
