/**
 * Tries packages over two stacks, and prints a line of JSON for each: `{ name, error }`. Runs in Bun and in Node.
 * Arguments: the folder of the packages, and JSON with the names of the cases, the real servers and a certificate.
 */
import { writeSync } from "node:fs";
import { DATABASES } from "./databases.ts";
import { type Case, ground } from "./ground.ts";
import { HTTP } from "./http.ts";
import { MESSAGES } from "./messages.ts";

const LIMIT_MS = 60_000;

interface Job {
  readonly names: readonly string[];
  readonly servers: Readonly<Record<string, string>>;
  readonly certificate: { readonly key: string; readonly cert: string };
}

const [folder = "", text = "{}"] = process.argv.slice(2);
const job = JSON.parse(text) as Job;

async function tried(one: Case): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let uncaught: (error: unknown) => void = () => {};
  const beside = new Promise<never>((_, reject) => {
    uncaught = reject;
    timer = setTimeout(() => reject(new Error(`not over after ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
  try {
    await Promise.race([one.run(await ground(folder, job.servers, job.certificate)), beside]);
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.stack ?? error.message}` : String(error);
  } finally {
    clearTimeout(timer);
    process.off("uncaughtException", uncaught);
    process.off("unhandledRejection", uncaught);
  }
}

for (const one of [...HTTP, ...DATABASES, ...MESSAGES]) {
  if (!job.names.includes(one.name)) continue;
  writeSync(1, `${JSON.stringify({ name: one.name, error: await tried(one) })}\n`);
}
process.exit(0);
