import { runClient, runServer } from "../bench-run.ts";
import { usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { asTyped } from "../program.ts";

/** `tcpnet bench`: a server, a client, a comparison with the kernel, or one of two results. */
export async function run(call: Call): Promise<number> {
  const { args, flags } = call;
  const kinds = [
    flags.has("server") ? "-s" : "",
    flags.has("client") ? "-c" : "",
    flags.text("vs") === undefined ? "" : "--vs",
    args[0] === "diff" ? "diff" : "",
  ].filter((kind) => kind !== "");
  const [kind, second] = kinds;
  if (second !== undefined)
    throw usageError(`${kind} and ${second} exclude each other`, "each is a program of its own");
  switch (kind) {
    case "-s":
      return runServer(call);
    case "-c":
      return runClient(call);
    case "--vs":
      return (await import("../bench-versus.ts")).runVersus(call);
    case "diff":
      return (await import("../bench-diff.ts")).runDiff(call);
    default: {
      const code = await (await import("../bench-versus.ts")).runPart(call);
      if (code !== null) return code;
      throw usageError("bench needs -s, -c, --vs or diff", "", asTyped("for example: tcpnet bench --vs kernel"));
    }
  }
}
