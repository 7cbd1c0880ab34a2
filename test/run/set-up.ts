import { debs, FIREWALLS, fetchDebs } from "../netup/debs.ts";
import { boxUnavailable } from "../support/box.ts";
import { installPackages, lacksPackages } from "../support/npm.ts";
import { installLine, missingTools, packagesOf } from "../support/tools.ts";

/** What the machine can do about missing programs. */
export interface Machine {
  readonly root: boolean;
  readonly aptGet: boolean;
}

export const thisMachine = (): Machine => ({
  root: process.getuid?.() === 0,
  aptGet: Bun.which("apt-get") !== null,
});

export type Plan =
  | { readonly do: "nothing" }
  | { readonly do: "install"; readonly packages: readonly string[] }
  | { readonly do: "skip"; readonly words: string };

/** What is done about the packages that are missing. `wanted` is false with --no-setup. */
export function planFor(packages: readonly string[], machine: Machine, wanted: boolean): Plan {
  if (packages.length === 0) return { do: "nothing" };
  if (wanted && machine.root && machine.aptGet) return { do: "install", packages };
  const sudo = machine.root ? "" : "sudo ";
  const line = machine.aptGet
    ? `${sudo}${installLine(packages)}`
    : `(this is no Debian; there the packages are called) ${packages.join(" ")}`;
  return {
    do: "skip",
    words: `Programs that tests need are missing: those tests are skipped. To run them, type\n  ${line}`,
  };
}

/** Debian's tools may wait for another apt-get that runs, and must not ask. */
const APT_GET = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"];
const APT_ENV = { DEBIAN_FRONTEND: "noninteractive" };

/** Runs apt-get; says what it said only if it failed. */
async function aptGet(...words: readonly string[]): Promise<boolean> {
  const env = { ...process.env, ...APT_ENV };
  const child = Bun.spawn([...APT_GET, ...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) === 0) return true;
  console.error(`${out}${err}apt-get ${words[0]} failed (exit code ${child.exitCode})`);
  return false;
}

/**
 * Installs what tests need and this machine lacks, or says what to type. Nothing here is a reason not to go on.
 * `firewalls`: those of netup's tests that take a firewall's Debian package are among them. `sets`: the npm packages that are used.
 */
export async function setUp(wanted: boolean, firewalls: boolean, sets: readonly string[]): Promise<void> {
  const machine = thisMachine();
  const plan = planFor(packagesOf(missingTools()), machine, wanted);
  let updated = false;
  if (plan.do === "skip") console.log(plan.words);
  if (plan.do === "install") {
    console.log("Tests need Debian packages that are missing here. Installing them (--no-setup leaves them out):");
    console.log(`  ${installLine(plan.packages)}\nThis takes a minute or two, and is done once.`);
    updated = await aptGet("update");
    await aptGet("install", "--no-install-recommends", ...plan.packages);
    const still = packagesOf(missingTools());
    if (still.length > 0) console.log(`Not installed, so their tests are skipped: ${still.join(", ")}`);
  }
  if (wanted) await installSets(sets);
  if (wanted && firewalls && machine.root && machine.aptGet && (await boxUnavailable()) === "")
    await fetchFirewalls(updated);
}

/** The npm packages that tests use (test/support/npm.ts). */
async function installSets(sets: readonly string[]): Promise<void> {
  for (const name of sets.filter((each) => lacksPackages(each) !== "")) {
    console.log(`Installing the npm packages that test/${name} uses into node_modules/.cache. This is done once.`);
    const refused = await installPackages(name);
    if (refused !== "") console.log(`They are not installed, so their tests are skipped: ${refused}`);
  }
}

/** firewalld and ufw are tried in a box of their own: their packages are fetched, and never installed here. */
async function fetchFirewalls(updated: boolean): Promise<void> {
  for (const name of FIREWALLS) {
    if (typeof debs(name) !== "string") continue;
    console.log(
      `Fetching Debian's package ${name}, which tests install in a box of its own and never on this machine.`,
    );
    let refused = fetchDebs(name);
    if (refused !== "" && !updated) {
      await aptGet("update");
      updated = true;
      refused = fetchDebs(name);
    }
    if (refused !== "") console.log(`The tests of ${name} are skipped: ${refused}`);
  }
}
