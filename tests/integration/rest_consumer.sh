#!/bin/bash
# A consumer that keeps a copy of the index: curl, jq, and what /api/openapi.json says, nothing else.
#
#   rest_consumer.sh URL HEADER COPY
#
# URL     of gald, "http://127.0.0.1:8389"
# HEADER  a file with the line "Authorization: Bearer TOKEN"
# COPY    the file that is kept: {"position": "...", "contacts": {ID: contact}, "forwards": {ID: ID}}
#
# It runs until it is stopped, and may be killed at any moment: the copy and its position change together,
# by a rename.
set -u -o pipefail

[ $# -eq 3 ] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
url=$1/api/identity
header=$2
copy=$3
answer=$copy.answer
heads=$copy.heads

say() { printf 'rest_consumer: %s\n' "$*" >&2; }

# ask PATH [PARAMETER=VALUE...]: leaves the body in $answer and prints the status; 000 where it is not whole.
ask() {
  local path=$1 parameters=() parameter status
  shift
  for parameter in "$@"; do parameters+=(--data-urlencode "$parameter"); done
  rm -f "$answer" "$heads"
  status=$(curl --silent --get --compressed --max-time 90 --header "@$header" --dump-header "$heads" \
    --output "$answer" --write-out '%{http_code}' "${parameters[@]}" "$url$path") || status=000
  printf '%s' "$status"
}

# Takes the place of the copy in one step.
keep() { mv "$copy.new" "$copy"; }

# What an answer that is none of use asks for: to wait, or to give up.
endure() {
  local status=$1 seconds
  case $status in
    429 | 503)
      seconds=$(sed -n 's/^retry-after: *\([0-9]*\).*/\1/Ip' "$heads")
      say "$status: again in ${seconds:-5} s"
      sleep "${seconds:-5}" ;;
    4*)
      say "$status: $(jq -r .detail "$answer" 2>/dev/null)"
      exit 1 ;;
    *)
      say "no answer ($status)"
      sleep 1 ;;
  esac
}

# Items of the feed, one by one, are applied to the copy.
apply='
  def applied($item):
    if $item.action == "put" or $item.action == "delete" then
      del(.forwards[$item.id]) | .contacts[$item.id] = $item.contact
    elif $item.action == "forward" then del(.contacts[$item.id]) | .forwards[$item.id] = $item.forwardTo
    elif $item.action == "purge" then del(.contacts[$item.id]) | del(.forwards[$item.id])
    else error("an action that nobody described: \($item.action)") end;'

snapshot() {
  local status
  while
    status=$(ask /changes/snapshot)
    # Without its last line it is cut short.
    [ "$status" != 200 ] || ! tail -n 1 "$answer" | jq -e 'has("position")' >/dev/null
  do endure "${status/200/000}"; done
  jq -n "$apply"'
    reduce inputs as $line ({position: null, contacts: {}, forwards: {}};
      if $line | has("position") then .position = $line.position else applied($line) end)' \
    "$answer" >"$copy.new" && keep || exit 1
  say "a snapshot of $(jq '.contacts | length' "$copy"), up to $(jq -r .position "$copy")"
}

follow() {
  local status
  status=$(ask /changes "since=$(jq -r .position "$copy")" compact=true limit=500 wait=30)
  case $status in
    200)
      jq --slurpfile page "$answer" "$apply"'
        reduce $page[0].items[] as $item (.; applied($item)) | .position = $page[0].next' \
        "$copy" >"$copy.new" && keep || exit 1 ;;
    410)
      say "the position is too old"
      snapshot ;;
    *) endure "$status" ;;
  esac
}

[ -s "$copy" ] || snapshot
while true; do follow; done
