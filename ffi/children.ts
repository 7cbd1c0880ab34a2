import { libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({
  waitid: { args: ["i32", "u32", "ptr", "i32"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
} as const);

const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
/** siginfo_t, and where the process id is in it. */
const SIGINFO = 128;
const SI_PID = 16;

/**
 * Takes the exit codes of ended children other than `ours`, for the first process of a PID namespace: processes whose parent has ended
 * become its children, and stay as zombies until then. Ours is Bun's to wait for.
 */
export function reapOthers(ours: number): void {
  const info = new Uint8Array(SIGINFO);
  const view = new DataView(info.buffer);
  for (;;) {
    view.setInt32(SI_PID, 0, true);
    if (resultOf(libc().waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT)) < 0) return;
    const pid = view.getInt32(SI_PID, true);
    if (pid <= 0 || pid === ours || resultOf(libc().waitpid(pid, null, WNOHANG)) <= 0) return;
  }
}
