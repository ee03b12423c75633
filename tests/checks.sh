# For tests in shell, which source it: checks are counted, and what one said is shown if it failed.
passed=0 failed=0

# check WHAT COMMAND...
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok   $what"
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        sed 's/^/     /' <<<"$said" | tail -60
    fi
}

# silent COMMAND...: succeeds, and has nothing to say.
silent() {
    local said
    said=$("$@" 2>&1)
    local status=$?
    echo "$said"
    [ $status -eq 0 ] && [ -z "$said" ]
}

# The last line of a test, and its status.
verdict() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
