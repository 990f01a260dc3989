# Shows that a long command lives: its output goes to a log, a ticking line to the reader.
# Sourced by the other shell scripts here.

# run_with_progress LOG DESCRIBE COMMAND…: DESCRIBE prints how far the command is.
run_with_progress() {
    _log=$1
    _describe=$2
    shift 2
    mkdir -p "$(dirname "$_log")"
    : >"$_log"
    _tick_until_killed &
    _ticker=$!
    # The command keeps the foreground, so that Ctrl-C reaches it and not only us.
    trap 'kill "$_ticker" 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    _status=0
    "$@" >>"$_log" 2>&1 || _status=$?
    kill "$_ticker" 2>/dev/null || true
    wait "$_ticker" 2>/dev/null || true
    trap - EXIT INT TERM HUP
    [ ! -t 1 ] || printf '\r\033[K'
    return "$_status"
}

_tick_until_killed() {
    _seconds=0
    # sleep must not hold our output open after the ticker is gone.
    while sleep 3 >/dev/null 2>&1; do
        _seconds=$((_seconds + 3))
        if [ -t 1 ]; then
            printf '\r\033[K  … %s s: %.60s' "$_seconds" "$("$_describe" "$_log")"
        else
            printf '  … %s s: %.60s\n' "$_seconds" "$("$_describe" "$_log")"
        fi
    done
}

last_line_of() {
    tail -n 1 "$1" | tr -d '\r'
}
