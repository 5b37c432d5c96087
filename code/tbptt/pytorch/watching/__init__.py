"""See what a training loop does with states and errors, without a change to the loop."""
