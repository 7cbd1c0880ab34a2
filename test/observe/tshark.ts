import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";

/** A test that needs tshark, and is skipped without it. */
export function tsharkTest(name: string, work: () => Promise<void>): void {
  testUnless(lacks(["tshark"]), name, work);
}

/** What tshark says of a capture: a row per packet, a column per field. @throws where it finds the file wrong. */
export async function tshark(file: string, fields: readonly string[]): Promise<string[][]> {
  const checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
  // Port 7000 is Gryphon's to tshark, and our octets are malformed Gryphon.
  checks.push("-d", "tcp.port==7000,data");
  const columns = fields.flatMap((field) => ["-e", field]);
  const args = ["-r", file, ...checks, "-T", "fields", "-E", "separator=|", ...columns];
  const child = Bun.spawn(["tshark", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, complaints] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`tshark: ${complaints}`);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("|"));
}
