"""What the experiments share: the runner, tidy results, options, and loops that several use."""
