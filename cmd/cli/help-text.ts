// The help of `gofer` itself. Kept by hand as one text, so that `gofer --help` loads nothing else; a test compares it with the
// commands that there are.

export const HELP_TEXT = `gofer: short-lived container jobs, run by a highly available control plane

Usage: gofer [options] <command>

Start here:
  gofer demo                        start a server and watch an example pipeline run
  gofer service start               start a server
  gofer up ./my-pipeline            register and deploy a pipeline project
  gofer run start <pipeline> -f     start a run and follow it to its end

Commands:
  up          Register and deploy the pipeline of a project
  fetch       Look at anything: fetch [pipeline] [run] [task]
  namespace   A team's share of the system
  pipeline    Pipelines, their configs, deployments and objects
  run         Start, watch, cancel and retry runs
  task        The tasks of a run, and their logs
  secret      Secrets of a pipeline, and global ones
  event       What happened, in order
  token       Tokens: who may ask the server for what
  role        Roles: what the tokens that hold them may do
  cluster     The nodes of the cluster: who leads, hand over, empty a node
  context     Show the configuration in use, and the server's version
  service     Run the server
  demo        Start a server with an example pipeline
  completion  Print a completion script for bash, zsh or fish
  help        Help on a command; help exit-codes lists the exit codes

Options, for every command:
  --namespace <id>       namespace to work in (GOFER_NAMESPACE; else "default")
  --json                 print JSON, for programs
  --output <format>      plain, json or silent
  --detail               exact times instead of "3 hours ago"
  --api-base-url <url>   where the server is (GOFER_API_BASE_URL; else http://127.0.0.1:8080/)
  --token <token>        token to show to the server (GOFER_TOKEN)
  -h, --help             help on gofer or on any command
  -V, --version          version of this executable

Configuration is read from ~/.gofer.toml and ~/.config/gofer.toml as well; the environment wins over files, options over both.
`;
