/** The two programs of the experiment. */
export type Role = "host" | "peer";

/** Host offsets of the stacks' own addresses in the kernel's prefixes, so that the lines of the two terminals meet. */
export const STACK_OFFSET: Readonly<Record<Role, number>> = { host: 7, peer: 5 };
