// The shell text of the launcher and of the supervisors that it forks, one per attempt. Plain POSIX: only built-ins on the
// usual way, since each further program costs 0.6 ms and more.
//
// The launcher is one /bin/sh that reads launches from its input and ends with it. A supervisor goes through: its directory
// and log files opened; the claim taken (exclusive create: a twin loses here and starts nothing); the supervisor's own mark
// written into the claim; the body forked, which writes its mark too and becomes the command; the body's end awaited,
// what it left behind killed, the outcome written. It tells each step on descriptor 3 (the server, while there is one):
//   <id> s <pid>  the body was forked        <id> e <code>  it ended, and the outcome is written
//   <id> n        it was not started, and the reason is written
//   <id> t        taken: somebody else has the claim, or has settled the attempt
//   <id> f        nothing was claimed and nothing started (disk full, directory gone)
//
// Descriptors: 3 server, 4 claim, 5 and 6 the body's stdout and stderr. The body gets none of them but as its 1 and 2.

export interface SupervisorSettings {
  /** Directory that holds `claims/` and `attempts/`. */
  readonly base: string;
  readonly bootId: string;
  /** Path of setsid(1), which gives the body a session and process group of its own; null = the shell's `set -m` must. */
  readonly setsid: string | null;
}

/** Text in single quotes, whatever it holds but NUL. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What the launcher reads first. */
export function launcherPreamble({ base, bootId, setsid }: SupervisorSettings): string {
  return `base=${shellQuote(base)} boot=${shellQuote(bootId)} isolate=${shellQuote(setsid ?? '')}\n${FUNCTIONS}`;
}

/** Makes the launcher let go of supervisors that have ended; without it they would stay as zombies. */
export const REAP = 'jobs >/dev/null\n';

// A mark is a line of /proc/<pid>/stat: process id and start time in one read. Where there is no /proc, the id alone.
//
// `jobs` tells a signal from an exit code above 128, which `wait` does not. bash forgets the job too soon, but writes a
// message on stderr, which is kept for it in "said".
//
// "reserve" holds one block of the disk for the outcome, so that a body which fills the disk with its output can still end. When
// even that does not help the writing is repeated until it succeeds: a full disk delays an end, it does not lose it.
const FUNCTIONS = `
trap '' HUP TERM PIPE
set -f
mark() {
  { read -r me </proc/self/stat; } 2>/dev/null || me="$(exec sh -c 'echo $PPID') -"
}
supervise() {
  state=f
  cd "$base/attempts/$id/work" && { state=t; set -C; claim "$@" 4>"$base/claims/$id"; } 5>>../stdout 6>>../stderr
  [ -z "$state" ] || echo "$id $state" >&3
}
claim() {
  set +C
  mark
  if ! { echo "$boot $me" >&4 && echo >../reserve; }; then
    rm -f "$base/claims/$id"
    state=f
    return
  fi
  state=
  [ -z "$BASH_VERSION" ] || exec 2>>../said
  if [ -n "$refused" ]; then tell_not_started "r $refused"; return; fi
  find_command "$1" || { tell_not_started "n $? $name"; return; }
  [ -n "$isolate" ] || set -m
  start "$@" </dev/null >&5 2>&6 3>&- &
  body=$!
  echo "$id s $body" >&3
  wait "$body"
  code=$?
  kill -KILL "-$body" 2>/dev/null
  if [ -e ../end ]; then echo "$id t" >&3; return; fi
  if [ -e ../unready ]; then tell_not_started "n 0 $name"; return; fi
  record outcome
  echo "$id e $code" >&3
}
record() {
  until "$@" >|../end || { rm -f ../reserve; "$@" >|../end; }; do sleep 1; done
}
outcome() {
  echo "e $code $body" && { [ "$code" -le 128 ] || jobs -l; } && echo .
}
tell_not_started() {
  record reason "$1"
  echo "$id n" >&3
}
reason() {
  echo "$1" && echo .
}
find_command() {
  case $1 in
    */*) check_file "$1"; return ;;
  esac
  found=127
  IFS=:
  for directory in $path; do
    check_file "\${directory:-.}/$1" && { found=0; break; }
    [ $? -eq 127 ] || found=126
  done
  unset IFS
  return $found
}
check_file() {
  [ -f "$1" ] || return 127
  [ -x "$1" ] || return 126
}
start() {
  trap - HUP INT QUIT TERM PIPE
  trap ': >../unready' 0
  mark
  echo "$me" >&4 || exit 1
  exec 4>&- 5>&- 6>&-
  [ ! -e ../end ] || exit 1
  [ -z "$isolate" ] || set -- "$isolate" -- "$@"
  unset PWD OLDPWD SHLVL
  become "$@"
}
`;
