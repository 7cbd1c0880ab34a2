import type { CommandSpec } from "./command-spec.ts";

/** `tcpnet completion`. */
export const COMPLETION: CommandSpec = {
  name: "completion",
  args: "<shell>",
  usage: ["bash", "zsh"],
  isAside: true,
  summary: "print what lets bash or zsh complete commands and flags",
  examples: [
    "source <(tcpnet completion bash)",
    "tcpnet completion bash > ~/.local/share/bash-completion/completions/tcpnet",
    "tcpnet completion zsh >> ~/.zshrc",
  ],
  about:
    "The first line completes in this shell until it ends; the others write it where new shells find it. Commands, flags,\n" +
    "names of devices, lessons and congestion controls are completed, behind `run` commands, and files elsewhere.",
  groups: [],
  exits: [
    ["0", "the script was printed"],
    ["2", "wrong usage"],
    ["141", "the reader of its output has gone"],
  ],
  load: () => import("./commands/completion.ts"),
};
