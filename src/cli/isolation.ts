import { accessSync, constants } from "node:fs";

/** How a private network can be had here: the command that runs another in one, or why not. */
export type Isolation = { readonly command: readonly string[] } | { readonly refused: string };

export function isolation(): Isolation {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { refused: missing ? "there is no /dev/net/tun here" : "/dev/net/tun may be opened by root only" };
  }
  for (const tool of ["unshare", "ip"]) {
    if (Bun.which(tool, { PATH }) === null) return { refused: `the program ${tool} is missing` };
  }
  const root = process.geteuid?.() === 0;
  const ways = [
    ["unshare", "--net"],
    ["unshare", "--user", "--map-root-user", "--net"],
  ];
  let said = "";
  for (const way of root ? ways : ways.slice(1)) {
    const tried = Bun.spawnSync([...way, "ip", "tuntap", "add", "probe0", "mode", "tun"], {
      env: { ...process.env, PATH },
      stderr: "pipe",
    });
    if (tried.exitCode === 0) return { command: way };
    said ||= tried.stderr.toString().trim().split("\n")[0]!;
  }
  return { refused: `this system allows no network namespace with a TUN device${said === "" ? "" : ` (${said})`}` };
}

/** Administrators' tools live where the PATH of ordinary users does not look. */
const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
