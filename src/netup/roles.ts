/** The two sides of the lab. */
export type Role = "host" | "peer";

/** Host numbers of the stacks' addresses within the kernel's prefixes: 10.0.0.7 and 10.0.1.8 by default. */
export const STACK_OFFSET: Readonly<Record<Role, number>> = { host: 7, peer: 5 };
