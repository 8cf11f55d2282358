#!/bin/bash
# Real clients against a real server: OpenAI's and Anthropic's libraries for JavaScript and Python, at pinned
# versions, against `mtplx serve` with the embedded default model.
#
#   run.sh [path of an mtplx binary]     (default: builds one)
#
# AGENTS=1 adds Codex CLI and Claude Code, headless: at most 90 seconds once their packages, 600 MB, are installed. Where these
# cannot be installed within three minutes, the agents are skipped, loudly; where they are installed and fail, so does this.
#
# Needs node with npm, and python3 with venv; a language that is missing is skipped, loudly. CACHE keeps what was
# installed (default: a new folder each time).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
cache=${CACHE:-$work}
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

OPENAI_NPM=6.49.0
ANTHROPIC_NPM=1.14.0
OPENAI_PYPI=3.57.0
ANTHROPIC_PYPI=2.14.0
CODEX_NPM=0.169.0
CLAUDE_NPM=2.1.197

mtplx=${1:-}
if [ -z "$mtplx" ]; then
  mtplx=$work/mtplx
  (cd "$here/../../../.." && CGO_ENABLED=0 go build -o "$mtplx" ./cmd/mtplx)
fi

export MTPLX_AUTH=a-key-for-the-tests
"$mtplx" serve --port 0 --sessions 4 >"$work/out" 2>"$work/log" &
server=$!
for _ in $(seq 200); do
  grep -q ' at ' "$work/out" && break
  kill -0 "$server" || { cat "$work/log"; exit 1; }
  sleep 0.1
done
export BASE_URL=$(sed -n 's/.* at //p' "$work/out")
echo "server at $BASE_URL"

ran=0
if command -v npm >/dev/null; then
  npm install --silent --no-audit --no-fund --prefix "$cache/npm" "openai@$OPENAI_NPM" "@anthropic-ai/sdk@$ANTHROPIC_NPM"
  cp "$here"/*.mjs "$cache/npm/"
  for f in openai anthropic; do (cd "$cache/npm" && node "$f.mjs"); ran=$((ran + 1)); done
else
  echo "SKIPPED: the JavaScript clients; there is no npm"
fi
if python3 -c 'import venv' 2>/dev/null; then
  [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install -q --disable-pip-version-check "openai==$OPENAI_PYPI" "anthropic==$ANTHROPIC_PYPI"
  for f in client_openai client_anthropic; do "$cache/venv/bin/python" "$here/$f.py"; ran=$((ran + 1)); done
else
  echo "SKIPPED: the Python clients; there is no python3 with venv"
fi
# Agents run in an empty folder and home, with the settings that mtplx connect writes, and must answer.
agents=
if [ "${AGENTS:-}" = 1 ]; then
  if timeout 180 npm install --silent --no-audit --no-fund --prefix "$cache/agents" \
    "@openai/codex@$CODEX_NPM" "@anthropic-ai/claude-code@$CLAUDE_NPM" >"$work/install" 2>&1 &&
    "$cache/agents/node_modules/.bin/codex" --version && "$cache/agents/node_modules/.bin/claude" --version; then
    agents=1
  else
    tail -n 20 "$work/install"
    echo "SKIPPED: Codex CLI $CODEX_NPM and Claude Code $CLAUDE_NPM; npm could not install them, or they do not start on this machine"
  fi
fi
if [ -n "$agents" ]; then
  mkdir -p "$work/home/.codex" "$work/project"
  echo "Be brief." >"$work/home/short.md" # the agents' own instructions fill the default model's context, or do not fit it
  cat >"$work/home/.codex/config.toml" <<TOML
model_instructions_file = "$work/home/short.md"
web_search = "disabled"
[features]
apps = false
plugins = false
multi_agent = false
TOML
  for client in codex claude-code; do HOME=$work/home "$mtplx" connect "$client" --url "$BASE_URL" --write; done
  cd "$work/project"
  HOME=$work/home timeout 45 "$cache/agents/node_modules/.bin/codex" exec --profile mtplx --skip-git-repo-check "Say hello" </dev/null >"$work/codex" 2>&1 || { cat "$work/codex"; exit 1; }
  grep -q 'route=/v1/responses.*completion_tokens=[1-9]' "$work/log" || { cat "$work/codex" "$work/log"; exit 1; }
  echo "ok   Codex CLI"
  # The small model now and then writes until its context is full; the agent then asks to go on, which is refused: another try.
  said=
  for _ in $(seq 8); do
    if HOME=$work/home timeout 45 "$cache/agents/node_modules/.bin/claude" -p --system-prompt "Be brief." "Say hello" </dev/null >"$work/claude" 2>&1; then
      said=1
      break
    fi
    grep -q '^Prompt is too long' "$work/claude" || break
  done
  [ -n "$said" ] || { cat "$work/claude"; exit 1; }
  [ -s "$work/claude" ] || { echo "Claude Code said nothing"; exit 1; }
  echo "ok   Claude Code"
  ran=$((ran + 2))
fi
[ "$ran" -gt 0 ] || { echo "no client could run"; exit 1; }

# Whatever the clients did, nothing of it is left, and the server ends as it should.
for _ in $(seq 50); do
  left=$(curl -sf -H "X-API-Key: $MTPLX_AUTH" "$BASE_URL/v1/mtplx/snapshot" | grep -o '"running":[0-9]*,"waiting":[0-9]*')
  [ "$left" = '"running":0,"waiting":0' ] && break
  sleep 0.1
done
[ "$left" = '"running":0,"waiting":0' ] || { echo "left in the server: $left"; exit 1; }
kill -TERM "$server"
wait "$server"
server=
echo "all clients pass"
