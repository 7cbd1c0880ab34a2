import type { Behaviour, Ground } from "./ground.ts";

const LIMIT_MS = 100_000;

/** Why a behaviour is not so on a ground, or null. What fails beside it, such as an error that nobody handles, counts, too. */
export async function tried(behaviour: Behaviour, ground: Ground): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let uncaught: (error: unknown) => void = () => {};
  const beside = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${LIMIT_MS} ms`)), LIMIT_MS);
    uncaught = reject;
  });
  process.on("uncaughtException", uncaught);
  try {
    await Promise.race([behaviour.run(ground), beside]);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
    process.off("uncaughtException", uncaught);
  }
}
