/** The program's exit codes, so that scripts can distinguish results. */

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_NOT_READY = 3;
export const EXIT_PERMISSION = 4;
/** An input that is no record of a run, or has no packets. */
export const EXIT_NO_RECORD = 5;
export const EXIT_REFUSED = 10;
export const EXIT_CONNECT_TIMEOUT = 11;
export const EXIT_RESET = 12;
export const EXIT_UNREACHABLE = 13;
export const EXIT_TRANSFER_TIMEOUT = 14;
export const EXIT_SIGHUP = 129;
export const EXIT_SIGINT = 130;
/** The same as a shell's code for a program ended by SIGPIPE. */
export const EXIT_SIGPIPE = 141;
export const EXIT_SIGTERM = 143;

/** Code and meaning, as `--help` shows them. */
export const EXIT_CODES: readonly (readonly [string, string])[] = [
  ["0", "every byte was sent, received and written"],
  ["1", "something failed"],
  ["2", "wrong usage: nothing was done"],
  ["3", "the machine is not ready (see tcpnet status)"],
  ["4", "no permission: sudo, or a device made by netup"],
  ["10", "refused: the SYN was answered with RST"],
  ["11", "no answer in time"],
  ["12", "the connection was reset"],
  ["13", "unreachable: a router sent an ICMP error"],
  ["14", "the other side stopped answering"],
  ["129, 130, 143", "ended by a closed terminal, Ctrl-C or SIGTERM"],
  ["141", "the reader of its output has gone"],
];
