import type { Endpoint } from "./endpoint.ts";

/** The lines that show who has which address. They come first, since this is what users most often get wrong. */
export function addressMap(e: Endpoint, port: number, mtu: number, ownPrefix = false): string[] {
  const me = `  me      ${e.local}`;
  const name = e.role === "host" ? "peer" : "host";
  const far = e.remote === null ? "anybody" : bracketed(e.remote.toString(), e.role === "peer" ? port : 0);
  const remote = `  ${name}    ${far}`;
  const width = Math.max(me.length + 3, remote.length + 1, 27);
  const first = `${me.padEnd(width)}this stack, in user space, behind ${e.tun}`;
  const more = ownPrefix ? [`${" ".repeat(width)}and every other address of ${networkOf(e)} except the kernel's`] : [];
  const kernel = `${`  kernel  ${e.kernel.address}`.padEnd(width)}the kernel's address on ${e.tun}: ${networkOf(e)}, mtu ${mtu}`;
  const how = e.toKernel
    ? "a program on this machine"
    : e.remote === null
      ? `may connect to ${bracketed(e.local.toString(), port)}`
      : e.role === "peer"
        ? "the other stack; the kernel forwards packets to it"
        : `the only one that may connect to ${bracketed(e.local.toString(), port)}`;
  return [first, ...more, kernel, `${remote.padEnd(width)}${how}`];
}

/** "10.0.0.7:7000", "[fd00::7]:7000"; without the port if it is 0. */
export function bracketed(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function networkOf({ kernel }: Endpoint): string {
  return `${kernel.subnet}`;
}
