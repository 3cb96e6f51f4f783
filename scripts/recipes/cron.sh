#!/bin/sh
# One at a time: a job that cron starts every minute, and that may take longer. With `lock -n` the second
# one leaves at once; a job that was killed keeps nobody out.
#
#     scripts/recipes/cron.sh
#
# In a crontab it is one line: * * * * * shmcount lock -n backup rsync -a src/ dst/
# Starts a job, and a second one while it runs; ends with 0 and "1 ran, 1 left at once".
set -eu
. "$(dirname "$0")/program.sh"

name=cron-$$
shmcount create "$name/begun" event
shmcount create "$name/end" event
trap 'shmcount rm "$name"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The job says that it has begun, and works until it is told to end.
# shellcheck disable=SC2016 # the inner shell is to expand it
shmcount lock -n "$name/lock" sh -c '
    shmcount event set "$0/begun"
    shmcount event wait "$0/end" --timeout 60' "$name" &
job=$!

shmcount event wait "$name/begun" --timeout 60
left=0
shmcount lock -n "$name/lock" true || left=1

shmcount event set "$name/end"
wait "$job"
echo "1 ran, $left left at once"
[ "$left" -eq 1 ]
