"""What `make bench` runs: synth and look-up beside what one would do without this project, in one run."""
