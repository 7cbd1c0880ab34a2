import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Answer, askControl, controlPath } from "#chaos/control";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { EXIT_NOT_READY, EXIT_OK } from "../exit-codes.ts";

/** `tcpnet link show|set|change|clear [words]`: changes a link that runs. */
export async function run({ args, flags }: Call): Promise<number> {
  const path = flags.text("socket") ?? socketOf(flags.text("dev"));
  let answer: Answer;
  try {
    answer = await askControl(path, args.join(" ").replaceAll("\n", " "));
  } catch {
    throw new CliError(EXIT_NOT_READY, `nobody answers at ${path}`, "no link runs there", "start tcpnet chaos first");
  }
  if (!answer.ok)
    throw usageError("the link was not changed", answer.text, 'for example: tcpnet link set "delay 20ms"');
  process.stdout.write(flags.has("json") ? `${JSON.stringify(answer)}\n` : words(answer));
  return EXIT_OK;
}

function words({ text, counts }: Answer): string {
  const rows = Object.entries(counts ?? {}).map(
    ([way, of]) =>
      `${way.padEnd(6)}${
        Object.entries(of)
          .map(([name, n]) => `${name} ${n}`)
          .join(", ") || "nothing"
      }`,
  );
  return `${[text, ...rows].join("\n")}\n`;
}

/** The socket of that device's link, or of the only one that runs. */
function socketOf(device: string | undefined): string {
  if (device !== undefined) return controlPath(device);
  const names = sockets();
  if (names.length === 1) return controlPath(names[0]!);
  if (names.length === 0) throw new CliError(EXIT_NOT_READY, "no link runs here", "", "start tcpnet chaos first");
  throw usageError("several links run", names.join(", "), `say --dev ${names[0]}`);
}

function sockets(): string[] {
  try {
    return readdirSync(dirname(controlPath("x"))).flatMap((file) => /^link-(.+)\.sock$/.exec(file)?.[1] ?? []);
  } catch {
    return [];
  }
}
