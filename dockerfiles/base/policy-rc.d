#!/bin/sh
# No service starts while packages are installed: runit starts them when the container runs.
exit 101
