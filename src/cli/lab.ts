/** The experiment's arguments: the devices that `netup` makes by default, and what to type in the two terminals. */
export const LAB = {
  host: ["tun0", "10.0.0.1/24", "10.0.1.5"],
  peer: ["tun1", "10.0.1.1/24", "10.0.0.7"],
} as const;
